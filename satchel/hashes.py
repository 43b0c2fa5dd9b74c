"""Digests of model files, by their marketplace names.

`SHA256` is the whole file. `AutoV3` is the first 12 hex digits of the SHA256 of everything after
the safetensors header, i.e. from byte 8 + N; a file whose first eight bytes say N >= 16 MiB is no
safetensors file to Civitai's scanner, which then hashes from byte 8 (civitai/model-scanner,
HashTask.cs). Hex is lower case here; marketplaces print upper case.
"""

from __future__ import annotations

import hashlib
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .progress import Cancellation, Progress, Report, silent

CHUNK_BYTES = 4 * 1024 * 1024
_NOT_SAFETENSORS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileDigests:
    """What one sequential read of a file tells."""

    sha256: str
    autov3: str | None
    """12 hex digits; `None` when the header length points past the end of the file."""
    size: int


def payload_start(prefix: bytes, size: int) -> int | None:
    """Where AutoV3 starts to hash, from a file's first eight bytes and its size."""
    if len(prefix) < 8:
        return None
    (length,) = struct.unpack("<Q", prefix[:8])
    if length >= _NOT_SAFETENSORS:
        return 8
    return 8 + int(length) if 8 + length <= size else None


def hash_file(
    path: Path, *, report: Report = silent, cancellation: Cancellation | None = None
) -> FileDigests:
    """Computes SHA256 and AutoV3 in one read, each digest on its own thread.

    Raises:
        CancelledError: `cancellation` was triggered.
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    whole, payload = hashlib.sha256(), hashlib.sha256()
    position, start = 0, None
    with path.open("rb") as file, ThreadPoolExecutor(1) as second:
        pending = None
        while chunk := file.read(CHUNK_BYTES):
            if cancellation is not None:
                cancellation.check()
            if position == 0:
                start = payload_start(chunk, size)
            if pending is not None:
                pending.result()  # at most one chunk waits, which keeps memory flat
            if start is not None and position + len(chunk) > start:
                tail = memoryview(chunk)[max(0, start - position) :]
                pending = second.submit(payload.update, tail)
            whole.update(chunk)
            position += len(chunk)
            report(Progress("hashing", path.name, position, size))
        if pending is not None:
            pending.result()
    return FileDigests(
        whole.hexdigest(), payload.hexdigest()[:12] if start is not None else None, position
    )
