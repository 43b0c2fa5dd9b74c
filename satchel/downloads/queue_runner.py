"""Carries out the queue: in the server's background, or in a command until nothing is left."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import CancelledError, CatalogError, SatchelError, UnknownDownloadError
from ..hashes import FileDigests
from ..progress import Cancellation, Progress, Report
from .bandwidth import PROCESS
from .fetch import Downloader
from .housekeeping import discard_unfinished
from .publish import renamed_note
from .queue import DownloadQueue
from .queue_plan import Settle, Start, Stop, plan_next, retry_wait, state_after
from .queue_values import QueueEntry, QueueLimits
from .values import TransferLimits

log = logging.getLogger(__name__)

POLL_S = 0.5
NOTE_S = 0.5
"""How often the progress of a run is written down for other processes."""
SPEED_S = 5.0
"""Over how long the speed is measured."""

MakeDownloader = Callable[[Report, Cancellation, TransferLimits], Downloader]
Arrived = Callable[[QueueEntry, FileDigests], None]
Watch = Callable[[QueueEntry], None]


class Speed:
    """Bytes per second over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> float:
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()  # it started over
        self._seen.append((now, done))
        while now - self._seen[0][0] > SPEED_S:
            self._seen.popleft()
        elapsed = now - self._seen[0][0]
        return (done - self._seen[0][1]) / elapsed if elapsed > 0 else 0.0


@dataclass
class _Run:
    entry: QueueEntry
    cancellation: Cancellation = field(default_factory=Cancellation)
    speed: Speed = field(default_factory=Speed)
    noted_at: float = 0.0
    thread: threading.Thread | None = None


class QueueRunner:
    """One process's share of the queue.

    Args:
        make_downloader: what fetches, told where to report, when to stop and how hard to pull.
        arrived: called with every finished entry, from the thread that fetched it.
        watch: called with an entry whenever it changes, from the thread that fetches it.
    """

    def __init__(
        self,
        queue: DownloadQueue,
        make_downloader: MakeDownloader,
        *,
        arrived: Arrived = lambda entry, digests: None,
        watch: Watch = lambda entry: None,
    ) -> None:
        self._queue, self._make_downloader = queue, make_downloader
        self._arrived, self._watch = arrived, watch
        self._name = uuid.uuid4().hex
        self._folder = queue.path.with_name(f"{queue.path.name}.runners")
        self._lock = FileLock(self._lock_of(self._name))
        self._runs: dict[int, _Run] = {}
        self._wake, self._stopping = threading.Event(), False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to work in the background; once per runner."""
        self._open()
        self._thread = threading.Thread(target=self._loop, name="satchel-queue", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Says that the queue was changed, so that it need not be noticed."""
        self._wake.set()

    def stop(self) -> None:
        """Ends all runs; their entries wait for the next runner, and go on from what arrived."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self._close()

    def run_until_idle(self, cancellation: Cancellation) -> None:
        """Works in the calling thread until nothing can be started any more.

        Raises:
            CancelledError: it was cancelled; what has arrived stays.
        """
        self._open()
        try:
            while self._step() or self._waiting():
                self._wake.wait(POLL_S / 5)
                self._wake.clear()
                cancellation.check()
        finally:
            self._close()

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()

    def _close(self) -> None:
        for run in list(self._runs.values()):
            run.cancellation.cancel()
        for run in list(self._runs.values()):
            if run.thread is not None:
                run.thread.join()
        self._lock.release()
        with suppress(OSError):
            self._lock_of(self._name).unlink()

    def _loop(self) -> None:
        while not self._stopping:
            try:
                self._step()
            except (SatchelError, OSError):
                log.exception("The download queue cannot be worked through right now.")
            self._wake.wait(POLL_S)
            self._wake.clear()

    def _step(self) -> bool:
        """Carries out what is to be done now; whether anything of this runner is running."""
        entries, limits = self._queue.entries(), self._queue.limits
        PROCESS.set_rate(limits.bytes_per_s)
        alive = self._alive({entry.owner for entry in entries if entry.state == "running"})
        by_id = {entry.id: entry for entry in entries}
        for entry in entries:
            if (
                entry.owner == self._name
                and entry.state == "running"
                and entry.id not in self._runs
            ):
                self._queue.settle(entry.id, self._name, state="queued")  # it ended badly
        for action in plan_next(entries, limits, me=self._name, alive=alive, now=time.time()):
            if isinstance(action, Start):
                self._start(action.id, limits)
            elif isinstance(action, Settle):
                entry = by_id[action.id]
                self._queue.settle(entry.id, entry.owner, state=action.state)
                if action.state == "cancelled":
                    discard_unfinished(entry.model, entry.destination)
            elif isinstance(action, Stop) and action.id in self._runs:
                self._runs[action.id].cancellation.cancel()
        return bool(self._runs)

    def _waiting(self) -> bool:
        """Whether entries wait for their next attempt, or run elsewhere with this one's hosts."""
        return any(
            entry.state == "queued" and entry.retry_at <= time.time()
            for entry in self._queue.entries()
        )

    def _alive(self, owners: Iterable[str]) -> set[str]:
        return {owner for owner in owners if owner == self._name or _is_alive(self._lock_of(owner))}

    def _lock_of(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _start(self, entry_id: int, limits: QueueLimits) -> None:
        entry = self._queue.claim(entry_id, self._name)
        if entry is None:
            return
        run = _Run(entry)
        self._runs[entry_id] = run
        run.thread = threading.Thread(
            target=self._run, args=(run, limits), name=f"satchel-queue-{entry_id}", daemon=True
        )
        run.thread.start()

    def _run(self, run: _Run, limits: QueueLimits) -> None:
        entry = run.entry
        try:
            path, digests = self._fetch(run, limits)
            done = replace(
                entry, state="done", path=path, sha256=digests.sha256, done=digests.size,
                total=digests.size, note=renamed_note(path, entry.destination),
            )  # fmt: skip
            self._arrived(done, digests)
            self._queue.settle(
                entry.id, self._name, state="done", path=str(path), sha256=digests.sha256,
                done=digests.size, total=digests.size, note=done.note, error=None,
            )  # fmt: skip
        except CancelledError:
            self._stopped(entry)
        except SatchelError as error:
            self._failed(entry, error)
        except Exception as error:
            # The last edge before the thread ends: without this the entry would run for ever.
            log.exception("A download failed unexpectedly.")
            self._failed(
                entry,
                SatchelError(
                    f"Something went wrong inside Satchel: {type(error).__name__}.",
                    hint="The server's log has the details; please report it.",
                ),
            )
        finally:
            if self._runs.get(entry.id) is run:  # one that was resumed meanwhile has another
                del self._runs[entry.id]
            self._tell(entry.id)
            self._wake.set()

    def _fetch(self, run: _Run, limits: QueueLimits) -> tuple[Path, FileDigests]:
        entry = run.entry
        downloader = self._make_downloader(
            lambda progress: self._note(run, progress),
            run.cancellation,
            TransferLimits(limits.connections),
        )
        if entry.model.sha256 is not None:
            return downloader.fetch(entry.model, entry.destination)
        source = entry.model.sources[0]
        return downloader.fetch_unpinned(source, entry.destination, size=entry.model.size)

    def _note(self, run: _Run, progress: Progress) -> None:
        now = time.monotonic()
        if progress.state != "downloading" or now - run.noted_at < NOTE_S:
            return
        run.noted_at = now
        speed = run.speed.add(now, progress.done)
        try:
            self._queue.note_progress(
                run.entry.id, self._name, progress.done, progress.total, speed
            )
        except CatalogError:
            log.exception("A download's progress could not be written down.")
            return
        self._tell(run.entry.id)

    def _stopped(self, entry: QueueEntry) -> None:
        """By a wish, or because the process ends."""
        wish = self._queue.get(entry.id).wish
        if wish == "cancel":
            discard_unfinished(entry.model, entry.destination)
        attempts = max(0, entry.attempts - 1)  # it was no failure
        self._queue.settle(entry.id, self._name, state=state_after(wish), attempts=attempts)

    def _failed(self, entry: QueueEntry, error: SatchelError) -> None:
        wait = retry_wait(error, entry.attempts)
        self._queue.settle(
            entry.id,
            self._name,
            state="failed" if wait is None else "queued",
            retry_at=0.0 if wait is None else time.time() + wait,
            error=json.dumps(error.to_json()),
        )

    def _tell(self, entry_id: int) -> None:
        try:
            self._watch(self._queue.get(entry_id))
        except UnknownDownloadError:
            return
        except Exception:
            # A watcher that has gone away must not take the download with it.
            log.exception("A download's progress could not be told.")


def _is_alive(lock: Path) -> bool:
    """Whether the process that holds a runner's lock still exists."""
    if not lock.exists():
        return False
    probe = FileLock(lock)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    with suppress(OSError):
        lock.unlink()
    probe.release()
    return False
