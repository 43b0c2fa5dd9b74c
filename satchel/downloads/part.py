"""The unfinished file of a download, and the sidecar that tells the next run what is in it.

A file that came in one stream is as long as what has arrived. One that came in several has holes:
its sidecar lists the bytes that are there, and is written after them, so that a kill at any moment
loses at most the last second and never claims a byte too many.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from .answers import Validator
from .ranges import Ranges, Span, ranges_from_json
from .space import check_space, no_space

SAVE_S = 1.0
"""How often the sidecar of a file with holes is written."""
SPACE_BYTES = 64 << 20
"""How many bytes are written between two looks at the free space."""
FLUSH_BYTES = 32 << 20
"""How many bytes are written between two flushes, so that the last one has little left to do."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_VERSION = 1


class Part:
    """Bytes that have arrived; safe to write from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sidecar = sidecar_of(path)
        self.total: int | None = None
        """Length of the whole file, once it is known."""
        self.validator: Validator | None = None
        """Of the answer that the bytes came from."""
        self.segmented = False
        """Whether it may have holes."""
        self._lock = threading.RLock()
        self._written = Ranges()
        self._saved_at = 0.0
        self._unchecked = self._unflushed = 0
        self._flusher: ThreadPoolExecutor | None = None
        self._load()

    @property
    def arrived(self) -> int:
        """How many bytes are there."""
        with self._lock:
            return self._written.bytes

    @property
    def complete(self) -> bool:
        with self._lock:
            return (
                self.total is not None
                and not self._written.gaps(self.total)
                and self.path.exists()  # a file without a byte, too, has to be asked for
            )

    @property
    def front(self) -> int:
        """The first byte that is missing."""
        return self.end_from(0)

    def end_from(self, position: int) -> int:
        """Where the run of bytes that are there and begin at `position` ends."""
        with self._lock:
            return self._written.end_from(position)

    @property
    def end(self) -> int:
        """One after the last byte that is there."""
        with self._lock:
            return self._written.end

    def spans(self) -> list[Span]:
        """What is there, in order."""
        with self._lock:
            return list(self._written)

    def missing(self) -> list[Span]:
        with self._lock:
            return self._written.gaps(self.total if self.total is not None else 0)

    def writer(self, position: int) -> FileIO:
        """A handle that writes from `position` on.

        Unbuffered: what was written survives a kill, and a full disk is noticed at once.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        file = FileIO(descriptor, "r+")
        file.seek(position)
        return file

    def write(self, file: FileIO, position: int, data: bytes | memoryview) -> None:
        """Writes where `file` stands, which is at `position`.

        Raises:
            InsufficientSpaceError: the disk is full, or about to be.
        """
        rest = memoryview(data)
        self._watch_space(len(rest))
        try:
            while rest:
                rest = rest[file.write(rest) or 0 :]
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise no_space(self.path.parent, len(data)) from error
        with self._lock:
            self._written.add(position, position + len(data))
            due = self.segmented and time.monotonic() - self._saved_at > SAVE_S
            self._unflushed += len(data)
            if self._unflushed >= FLUSH_BYTES:
                self._unflushed = 0
                self._flusher = self._flusher or ThreadPoolExecutor(1, "satchel-flush")
                self._flusher.submit(_flush, self.path)
        if due:
            self.save()

    def end_here(self) -> None:
        """Says that the file ends at its last byte; makes an empty one when there is none."""
        self.path.touch()
        with self._lock:
            self.total = self._written.end

    def save(self) -> None:
        """Writes the sidecar, whole or not at all."""
        with self._lock:
            self._saved_at = time.monotonic()
            value = {
                "version": _VERSION,
                "total": self.total,
                "validator": self.validator.to_json() if self.validator else None,
                "written": [list(span) for span in self._written] if self.segmented else None,
            }
            beside = self.sidecar.with_name(f"{self.sidecar.name}.new")
            beside.write_text(json.dumps(value), encoding="utf-8")
            beside.replace(self.sidecar)

    def close(self) -> None:
        """Leaves it for the next run, if there is anything to go on from."""
        if self._flusher is not None:
            self._flusher.shutdown(cancel_futures=True)
            self._flusher = None
        if self.arrived == 0 and not self.complete:
            self.discard()
        elif self.segmented and self.path.exists():
            self.save()

    def discard(self) -> None:
        """Deletes the file and its sidecar."""
        with self._lock:
            self.path.unlink(missing_ok=True)
            self.forget_sidecar()
            self._written, self.segmented, self.validator = Ranges(), False, None

    def forget_sidecar(self) -> None:
        self.sidecar.unlink(missing_ok=True)
        self.sidecar.with_name(f"{self.sidecar.name}.new").unlink(missing_ok=True)

    def _watch_space(self, count: int) -> None:
        with self._lock:
            self._unchecked += count
            if self.total is not None and self._unchecked < SPACE_BYTES:
                return
            self._unchecked = 0
            left = count if self.total is None else self.total - self._written.bytes
        check_space(self.path.parent, left)

    def _load(self) -> None:
        try:
            length = self.path.stat().st_size
        except FileNotFoundError:
            self.forget_sidecar()
            return
        known = read_sidecar(self.path)
        self.validator = Validator.from_json(known.get("validator"))
        if self.validator is not None and type(known.get("total")) is int:
            self.total = known["total"]
        written = ranges_from_json(known.get("written"))
        if known.get("written") is None or written is None or written.end > length:
            self._written = Ranges([(0, length)])
            return
        self._written, self.segmented = written, True


def _flush(path: Path) -> None:
    with suppress(OSError), path.open("rb+") as file:
        os.fsync(file.fileno())


def sidecar_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def read_sidecar(path: Path) -> dict[str, Any]:
    """What the sidecar of an unfinished file says; empty when there is none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        value = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
        if isinstance(value, dict) and value.get("version") == _VERSION:
            return value
    return {}


def progress_of(path: Path) -> tuple[int, int]:
    """How many bytes of how many (0: unknown) have arrived, as another process sees it."""
    known = read_sidecar(path)
    total = known.get("total")
    written = ranges_from_json(known.get("written"))
    try:
        arrived = path.stat().st_size if written is None else written.bytes
    except OSError:
        arrived = 0
    return arrived, total if type(total) is int else 0
