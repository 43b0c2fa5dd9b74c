"""Digests of model files, by their marketplace names: all six from one sequential read.

Definitions as in Civitai's scanner (civitai/model-scanner, HashTask.cs); hex is lower case here,
marketplaces print upper case.

- `SHA256`: the whole file. `AutoV2`: its first 10 hex digits.
- `AutoV1`: first 8 hex digits of the SHA256 of bytes 0x100000 to 0x110000; files below 2 MiB
  have none.
- `AutoV3`: first 12 hex digits of the SHA256 of everything after the safetensors header, i.e. from
  byte 8 + N; a file whose first eight bytes say N >= 16 MiB is no safetensors file to the scanner,
  which then hashes from byte 8.
- `BLAKE3`: the whole file. Needs the `blake3` module, which ships with ComfyUI.
- `CRC32`: CRC-32/IEEE of the whole file, its four bytes in little-endian order.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from .progress import Cancellation, Progress, Report, silent

if TYPE_CHECKING:
    from .references.values import DigestKind

CHUNK_BYTES = 256 * 1024
"""Still in a core's own cache when it is hashed, and few enough hand-overs between threads."""
ALL_KINDS: tuple[DigestKind, ...] = ("SHA256", "AutoV1", "AutoV2", "AutoV3", "BLAKE3", "CRC32")
DEFAULT_KINDS: tuple[DigestKind, ...] = ("SHA256", "AutoV3")
HASH_OF_NOTHING = hashlib.sha256().hexdigest()

_BUFFERS = 8
"""Chunks in flight: the slowest digest may lag behind by this many, which keeps memory flat."""
_NOT_SAFETENSORS = 16 * 1024 * 1024
_AUTOV1 = (0x100000, 0x110000)
_AUTOV1_MINIMUM = 0x200000


@dataclass(frozen=True, slots=True)
class FileDigests:
    """What one sequential read of a file tells; `None` is not computed, or cannot be."""

    sha256: str
    autov3: str | None
    """12 hex digits; `None` when the header length points past the end of the file."""
    size: int
    autov1: str | None = None
    """8 hex digits; `None` for files below 2 MiB, too."""
    blake3: str | None = None
    crc32: str | None = None

    @property
    def autov2(self) -> str:
        return self.sha256[:10]

    def by_kind(self) -> dict[DigestKind, str]:
        """What is known, by the marketplaces' names."""
        values = {
            "SHA256": self.sha256, "AutoV1": self.autov1, "AutoV2": self.autov2,
            "AutoV3": self.autov3, "BLAKE3": self.blake3, "CRC32": self.crc32,
        }  # fmt: skip
        return {kind: hex_ for kind in ALL_KINDS if (hex_ := values[kind]) is not None}


def payload_start(prefix: bytes, size: int) -> int | None:
    """Where AutoV3 starts to hash, from a file's first eight bytes and its size."""
    if len(prefix) < 8:
        return None
    (length,) = struct.unpack("<Q", prefix[:8])
    if length >= _NOT_SAFETENSORS:
        return 8
    return 8 + int(length) if 8 + length <= size else None


def computable(kinds: Iterable[DigestKind], size: int) -> list[DigestKind]:
    """Those that a file of a size has, and that this Python can compute."""
    missing = set()
    if size < _AUTOV1_MINIMUM:
        missing.add("AutoV1")
    if _blake3() is None:
        missing.add("BLAKE3")
    return [kind for kind in kinds if kind not in missing]


def unavailable(kinds: Iterable[DigestKind], digests: FileDigests) -> dict[DigestKind, str]:
    """Why digests that were asked for are missing, one sentence each."""
    reasons: dict[DigestKind, str] = {
        "AutoV1": "It is only defined for files of 2 MiB or more.",
        "AutoV3": "The file's first eight bytes point past its end.",
        "BLAKE3": "This Python has no blake3 module; ComfyUI's own has.",
    }
    known = digests.by_kind()
    return {kind: reasons.get(kind, "It was not computed.") for kind in kinds if kind not in known}


def hash_file(
    path: Path,
    kinds: Collection[DigestKind] = DEFAULT_KINDS,
    *,
    report: Report = silent,
    cancellation: Cancellation | None = None,
    threads: bool = True,
) -> FileDigests:
    """Computes a file's digests in one read.

    Args:
        kinds: which ones; SHA256 always comes with them.
        threads: each digest on a thread of its own, this one reads and computes SHA256. Without
            it, all are computed here: as fast when other files are hashed beside this one.

    Raises:
        CancelledError: `cancellation` was triggered.
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as file, ExitStack() as stack:
        size = os.fstat(file.fileno()).st_size
        prefix = file.read(8)
        file.seek(0)
        spans = {kind: span for kind in kinds if (span := _span(kind, prefix, size)) is not None}
        whole = hashlib.sha256()
        others = {kind: _MAKERS[kind]() for kind in spans}
        feed = _ThreadFeed if threads else _Feed
        feeds = [feed(digest, *spans[kind]) for kind, digest in others.items()]
        for one in feeds:
            stack.callback(one.close)
        position = 0
        for chunk in _chunks(file.readinto, feeds):
            if cancellation is not None:
                cancellation.check()
            whole.update(chunk)
            position += len(chunk)
            report(Progress("hashing", path.name, position, size))
    found = {kind: digest.hexdigest() for kind, digest in others.items()}
    autov1, autov3 = found.get("AutoV1"), found.get("AutoV3")
    return FileDigests(
        whole.hexdigest(),
        autov3[:12] if autov3 else None,
        position,
        autov1[:8] if autov1 else None,
        found.get("BLAKE3"),
        found.get("CRC32"),
    )


def hash_files(
    paths: Iterable[Path],
    kinds: Collection[DigestKind] = DEFAULT_KINDS,
    *,
    at_once: int | None = None,
    report: Report = silent,
    cancellation: Cancellation | None = None,
) -> Iterator[tuple[Path, FileDigests | OSError]]:
    """Hashes several files at once, by default as many as there are cores, as they get ready.

    A file that cannot be read gives its error; the others go on.

    Raises:
        CancelledError: `cancellation` was triggered.
    """
    wanted = list(dict.fromkeys(paths))
    workers = max(1, min(at_once or os.cpu_count() or 1, len(wanted)))
    stop = _Stop(cancellation)

    def work(path: Path) -> FileDigests | OSError:
        try:
            return hash_file(path, kinds, report=report, cancellation=stop, threads=workers == 1)
        except OSError as error:
            return error

    with ThreadPoolExecutor(workers, "satchel-hash") as pool:
        futures = {pool.submit(work, path): path for path in wanted}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:  # also when whoever asked has seen enough, or pressed Ctrl-C
            stop.cancel()
            pool.shutdown(wait=True, cancel_futures=True)


class _Stop(Cancellation):
    """Stops on its own, and whenever another one does."""

    def __init__(self, other: Cancellation | None) -> None:
        super().__init__()
        self._other = other

    def check(self) -> None:
        super().check()
        if self._other is not None:
            self._other.check()


class _Digest(Protocol):
    def update(self, data: Any, /) -> object: ...
    def hexdigest(self) -> str: ...


class _Crc32:
    """Civitai prints the four bytes in little-endian order: zlib's 0d4a1185 is 85114a0d there."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: Any, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return self._value.to_bytes(4, "little").hex()


@cache
def _blake3() -> Callable[[], _Digest] | None:
    """The module's constructor. There is no slow stand-in: pure Python takes an hour for 10 GB."""
    try:
        found: Callable[[], _Digest] = import_module("blake3").blake3
    except ImportError:
        return None
    return found


def _make_blake3() -> _Digest:
    make = _blake3()
    assert make is not None, "without it there is no span to hash"
    return make()


_MAKERS: dict[DigestKind, Callable[[], _Digest]] = {
    "AutoV1": hashlib.sha256,
    "AutoV3": hashlib.sha256,
    "BLAKE3": _make_blake3,
    "CRC32": _Crc32,
}


def _span(kind: DigestKind, prefix: bytes, size: int) -> tuple[int, int] | None:
    """The bytes that a digest covers; None when it has no value, or comes with SHA256."""
    if kind == "AutoV1":
        return _AUTOV1 if size >= _AUTOV1_MINIMUM else None
    if kind == "AutoV3":
        start = payload_start(prefix, size)
        return None if start is None else (start, size)
    if kind == "CRC32" or (kind == "BLAKE3" and _blake3() is not None):
        return 0, size
    return None


class _Feed:
    """Gives a digest its part of each chunk."""

    def __init__(self, digest: _Digest, start: int, end: int) -> None:
        self._digest, self._start, self._end = digest, start, end

    def give(self, chunk: memoryview, position: int) -> None:
        part = chunk[max(0, self._start - position) : max(0, self._end - position)]
        if part:
            self._digest.update(part)

    def wait(self) -> None:
        """Returns when one more of the chunks that were given is done with."""

    def close(self) -> None:
        """Returns when all are."""


class _ThreadFeed(_Feed):
    """The same on a thread of its own, which lags behind as far as the caller lets it."""

    def __init__(self, digest: _Digest, start: int, end: int) -> None:
        super().__init__(digest, start, end)
        # Plain queues: a future for every chunk costs several times as much.
        self._todo: SimpleQueue[tuple[memoryview, int] | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="satchel-digest", daemon=True)
        self._thread.start()

    def give(self, chunk: memoryview, position: int) -> None:
        self._todo.put((chunk, position))

    def wait(self) -> None:
        error = self._done.get()
        if error is not None:
            raise error

    def close(self) -> None:
        self._todo.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._todo.get()) is not None:
            try:
                super().give(*item)
            except BaseException as error:  # raised where the file is read; else that would wait
                self._done.put(error)
                return
            self._done.put(None)


def _chunks(
    read_into: Callable[[memoryview], int | None], feeds: Sequence[_Feed]
) -> Iterator[memoryview]:
    """Reads a file through a ring of buffers, each reused once all digests are done with it."""
    buffers = [memoryview(bytearray(CHUNK_BYTES)) for _ in range(_BUFFERS if feeds else 1)]
    position, turn, waiting = 0, 0, 0
    while True:
        if waiting == len(buffers):
            for feed in feeds:
                feed.wait()
            waiting -= 1
        buffer = buffers[turn % len(buffers)]
        count = read_into(buffer)
        if not count:
            break
        chunk = buffer[:count]
        for feed in feeds:
            feed.give(chunk, position)
        yield chunk
        position, turn, waiting = position + count, turn + 1, waiting + 1
    for feed in feeds:
        for _ in range(waiting):
            feed.wait()
