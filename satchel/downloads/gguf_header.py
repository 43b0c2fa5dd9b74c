"""Checks the header of a GGUF file: its table of metadata and tensors, never tensor data.

Format (ggml-org/ggml, docs/gguf.md): `GGUF`, a u32 version, the u64 counts of tensors and of
metadata pairs (u32 in version 1), the pairs (name, u32 type, value), the tensors (name, u32 number
of dimensions, u64 each, u32 type, u64 offset), then the data, aligned.
"""

from __future__ import annotations

import struct
from io import BufferedReader
from pathlib import Path

from ..errors import FileFormatError

VERSIONS = (1, 2, 3)
MAX_ENTRIES = 1 << 20
"""Of metadata and of tensors each; large models have some thousands."""
MAX_DIMENSIONS = 8
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value by its type; 8 is text, 9 a list."""
_TEXT, _LIST = 8, 9


class _Reader:
    """Reads numbers and texts, and never past the end of the file."""

    def __init__(self, file: BufferedReader, size: int) -> None:
        self._file, self._left = file, size
        self.count_format = "Q"

    def number(self, form: str) -> int:
        width = struct.calcsize(f"<{form}")
        self._pass(width)
        (value,) = struct.unpack(f"<{form}", self._file.read(width))
        return int(value)

    def skip(self, count: int) -> None:
        self._pass(count)
        self._file.seek(count, 1)

    def skip_text(self) -> None:
        self.skip(self.number(self.count_format))

    def skip_value(self, kind: int, depth: int = 0) -> None:
        if kind == _TEXT:
            self.skip_text()
        elif kind == _LIST and depth < 4:
            inner, count = self.number("I"), self.number(self.count_format)
            if inner in _SIZES:
                self.skip(count * _SIZES[inner])
                return
            for _ in range(count):  # each takes bytes of the file, so it ends
                self.skip_value(inner, depth + 1)
        elif kind in _SIZES:
            self.skip(_SIZES[kind])
        else:
            raise ValueError("a value has an unknown type")

    @property
    def left(self) -> int:
        return self._left

    def _pass(self, count: int) -> None:
        if count > self._left:
            raise ValueError("it ends inside its header")
        self._left -= count


def check_gguf(name: str, path: Path) -> None:
    """Raises FileFormatError when the header is broken, or points past the end of the file."""
    try:
        with path.open("rb") as file:
            _check(_Reader(file, path.stat().st_size))
    except ValueError as error:
        raise FileFormatError(
            f"{name} is no usable GGUF file: {error}.",
            hint="Download it again, or check where it came from.",
            name=name,
        ) from error


def _check(reader: _Reader) -> None:
    if reader.number("I") != int.from_bytes(b"GGUF", "little"):
        raise ValueError("it does not begin with GGUF")
    version = reader.number("I")
    if version not in VERSIONS:
        raise ValueError(f"its version {version} is unknown")
    reader.count_format = "I" if version == 1 else "Q"
    tensors, pairs = reader.number(reader.count_format), reader.number(reader.count_format)
    if max(tensors, pairs) > MAX_ENTRIES:
        raise ValueError("it has more entries than any model")
    for _ in range(pairs):
        reader.skip_text()
        reader.skip_value(reader.number("I"))
    farthest = 0
    for _ in range(tensors):
        reader.skip_text()
        dimensions = reader.number("I")
        if dimensions > MAX_DIMENSIONS:
            raise ValueError("a tensor has too many dimensions")
        reader.skip(dimensions * (4 if version == 1 else 8))
        reader.number("I")
        farthest = max(farthest, reader.number("Q"))
    if tensors and farthest >= reader.left:
        raise ValueError("a tensor begins past the end of the file (a cut file)")
