"""Which saved workflows name a model file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from .errors import SatchelError
from .folders import LocalModel, posix_name, without_extension
from .progress import Cancellation, Progress, Report, silent
from .workflow.collect import places_of
from .workflow.documents import read_file

MAX_FILES = 5000
MAX_BYTES = 32 << 20
"""Larger files are no graphs that somebody has drawn."""

Named = frozenset[tuple[str | None, str]]
"""(kind, name with `/` and without its extension); None where only the value tells a model."""


class UsageBook:
    """What each workflow of a folder names: a file is read again only after it has changed."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[int, int, Named]] = {}
        self._lock = threading.Lock()

    def used_in(
        self,
        model: LocalModel,
        folder: Path,
        report: Report = silent,
        cancellation: Cancellation | None = None,
    ) -> list[str]:
        """Workflows that name a file, by their path below the folder, sorted.

        A file that cannot be read as a workflow names nothing.

        Raises:
            CancelledError: it was cancelled.
        """
        wanted = without_extension(posix_name(model.name))
        found = []
        paths = list(_graphs(folder))
        for done, path in enumerate(paths):
            if cancellation is not None:
                cancellation.check()
            report(Progress("hashing", path.name, 0, 0, done, len(paths)))
            if any(name == wanted and kind in (None, model.kind) for kind, name in self._of(path)):
                found.append(path.relative_to(folder).as_posix())
        return found

    def _of(self, path: Path) -> Named:
        try:
            status = path.stat()
        except OSError:
            return frozenset()
        stamp = (status.st_size, status.st_mtime_ns)
        with self._lock:
            known = self._read.get(str(path))
        if known is not None and known[:2] == stamp:
            return known[2]
        named = _named(path) if status.st_size <= MAX_BYTES else frozenset()
        with self._lock:
            self._read[str(path)] = (*stamp, named)
        return named


def _graphs(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        real = folder.resolve()
        inside = (p for p in sorted(folder.rglob("*.json")) if p.resolve().is_relative_to(real))
        for _, path in zip(range(MAX_FILES), inside, strict=False):
            yield path


def _named(path: Path) -> Named:
    try:
        places = list(places_of(read_file(path)))
    except (SatchelError, OSError):
        return frozenset()
    return frozenset((place.kind, without_extension(posix_name(place.value))) for place in places)
