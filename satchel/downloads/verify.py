"""Digests of a file that is still arriving, so that it need not be read again afterwards."""

from __future__ import annotations

import errno
import hashlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from ..hashes import FileDigests, payload_start
from .part import Part

READ_BACK_BYTES = 1 << 20
QUEUE_BYTES = 8 << 20
"""How much that has just been written may wait in memory; beyond it the page cache has it."""
WATCH_S = 0.25
_UNKNOWN = 1 << 62


class Verifier:
    """Follows the front of a part on a thread of its own.

    What arrives in order is hashed from memory. What arrived ahead of a gap, or in an earlier run,
    is read back once the gap is closed.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._position = 0
        self._ending = False
        self._failure: BaseException | None = None
        self._digests = RunningDigests()
        self._thread = threading.Thread(target=self._run, name="satchel-verify", daemon=True)
        self._thread.start()

    def wrote(self, position: int, data: bytes) -> None:
        """Says that the part has these bytes now."""
        with self._changed:
            follows = position == self._position + self._queued
            if follows and self._queued + len(data) <= QUEUE_BYTES:
                self._queue.append(data)
                self._queued += len(data)
            self._changed.notify()

    def finish(self, watch: Callable[[int], None]) -> FileDigests:
        """The digests of everything up to the first gap.

        Args:
            watch: called now and then with the bytes hashed so far, while that takes long.

        Raises:
            OSError: the part cannot be read.
        """
        self._end(drain=True)
        while self._thread.is_alive():
            self._thread.join(WATCH_S)
            if self._thread.is_alive():
                watch(self._position)
        self._digests.close()
        if self._failure is not None:
            raise self._failure
        return self._digests.result()

    def stop(self) -> None:
        """Ends the thread, whatever is left to hash; may be called after `finish`, too."""
        self._end(drain=False)
        self._thread.join()
        self._digests.close()

    def _end(self, *, drain: bool) -> None:
        with self._changed:
            self._ending = True
            if not drain:
                self._position = _UNKNOWN
            self._changed.notify()

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except OSError as error:
            self._failure = error

    def _step(self) -> bool:
        with self._changed:
            while not (self._queue or self._behind() or self._ending):
                self._changed.wait()
            if self._position == _UNKNOWN or not (self._queue or self._behind()):
                return False
            data = self._queue.popleft() if self._queue else None
            start = self._position
            if data is not None:
                self._advance(len(data), queued=len(data))
        if data is not None:
            self._digests.update(data)
        else:
            self._read_back(start, self._part.end_from(start))
        return True

    def _behind(self) -> bool:
        return self._part.end_from(self._position) > self._position

    def _advance(self, count: int, queued: int = 0) -> None:
        if self._position != _UNKNOWN:
            self._position += count
            self._queued -= queued

    def _read_back(self, start: int, end: int) -> None:
        with self._part.path.open("rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(READ_BACK_BYTES, end - start))):
                self._digests.update(chunk)
                start += len(chunk)
                with self._changed:
                    # What was queued meanwhile follows on a position that has moved: read it back.
                    self._queue.clear()
                    self._queued = 0
                    self._advance(len(chunk))
                    if self._position == _UNKNOWN:
                        return
        if start < end:
            raise OSError(errno.EIO, "the unfinished file was cut by somebody else")


class RunningDigests:
    """SHA256 and AutoV3 of bytes that come in order, each on its own thread."""

    def __init__(self) -> None:
        self._whole, self._payload = hashlib.sha256(), hashlib.sha256()
        self._second = ThreadPoolExecutor(1, "satchel-verify")
        self._pending: Future[None] | None = None
        self._size = 0
        self._start: int | None = None
        self._prefix = b""

    def update(self, chunk: bytes) -> None:
        if len(self._prefix) < 8:
            self._prefix = (self._prefix + chunk)[:8]
            # The size is not known yet when the server does not tell: then no limit applies.
            self._start = payload_start(self._prefix, _UNKNOWN)
        if self._pending is not None:
            self._pending.result()  # at most one chunk waits, which keeps memory flat
            self._pending = None
        if self._start is not None and self._size + len(chunk) > self._start:
            tail = memoryview(chunk)[max(0, self._start - self._size) :]
            self._pending = self._second.submit(self._payload.update, tail)
        self._whole.update(chunk)
        self._size += len(chunk)

    def result(self) -> FileDigests:
        if self._pending is not None:
            self._pending.result()
        inside = self._start is not None and self._start <= self._size
        autov3 = self._payload.hexdigest()[:12] if inside else None
        return FileDigests(self._whole.hexdigest(), autov3, self._size)

    def close(self) -> None:
        self._second.shutdown(wait=True)
