"""Hashes what the catalog does not know yet, behind everything else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from .catalog import Catalog
from .catalog.files import FileRow
from .errors import CancelledError, CatalogError
from .examine import examine
from .folders import LocalModel
from .progress import Cancellation, Report, silent

log = logging.getLogger(__name__)

MayRun = Callable[[], bool]
"""Whether background work may use disk and processor now; called often, from its thread."""

_LOOK_AGAIN_S = 0.25


class HashQueue:
    """One thread that hashes files of a catalog: those in use first, then the newest.

    It reads nothing while `may_run` is false, not even the rest of a file that it has begun.
    """

    def __init__(
        self, catalog: Catalog, may_run: MayRun = lambda: True, report: Report = silent
    ) -> None:
        self._catalog = catalog
        self._report = report
        self._yielding = _Yielding(may_run)
        self._wanted = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._failed: set[tuple[str, int, int]] = set()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def wake(self) -> None:
        """Tells that there may be files to hash; starts the thread at the first call.

        Does nothing once it was stopped.
        """
        with self._lock:
            if self._yielding.cancelled:
                return
            self._idle.clear()
            self._wanted.set()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="satchel-hash-queue", daemon=True
                )
                self._thread.start()

    def prefer(self, models: list[LocalModel]) -> None:
        """Puts files that are in use before all others."""
        self._catalog.files.mark_used(models)
        self.wake()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until nothing is left to hash; False if that took too long."""
        return self._idle.wait(timeout)

    def stop(self) -> None:
        """Ends the thread at the next chunk and waits for it; a file that was begun is not kept."""
        self._yielding.cancel()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._yielding.cancelled:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._hash_all()
            except CancelledError:
                break
            except CatalogError as error:
                log.warning("Files are not hashed for now: %s", error)
            with self._lock:
                if not self._wanted.is_set():
                    self._idle.set()
        self._idle.set()

    def _hash_all(self) -> None:
        while (row := next(self._next(), None)) is not None:
            self._yielding.check()
            try:
                model = LocalModel.at(row.kind, row.name, row.model.path)
                examine(model, self._catalog, report=self._report, cancellation=self._yielding)
            except OSError:
                self._failed.add(_key(row))  # deleted meanwhile, or not ours to read
            else:
                if self._catalog.digests(model) is None:  # somebody is writing it
                    self._failed.add(_key(row))

    def _next(self) -> Iterator[FileRow]:
        """Asked again after each file, since the order may have changed."""
        return (row for row in self._catalog.files.to_hash() if _key(row) not in self._failed)


def _key(row: FileRow) -> tuple[str, int, int]:
    return row.path, row.size, row.mtime_ns


class _Yielding(Cancellation):
    """Holds whoever checks it for as long as background work may not run."""

    def __init__(self, may_run: MayRun) -> None:
        super().__init__()
        self._may_run = may_run

    def check(self) -> None:
        super().check()
        while not self._may_run():
            self.wait(_LOOK_AGAIN_S)

    def wait(self, seconds: float) -> None:
        self._event.wait(seconds)
        super().check()
