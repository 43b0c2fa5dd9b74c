"""Reads the header of a safetensors file: names, shapes and metadata, never tensor data.

Format (https://github.com/huggingface/safetensors): a little-endian u64 length N, then N bytes of
JSON `{name: {dtype, shape, data_offsets}, "__metadata__": {str: str}}`, then the tensor bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import untrusted_json
from .errors import SafetensorsHeaderError
from .safetensors_columns import read_columns
from .tensor_info import DTYPE_BITS, MAX_TENSORS, TensorInfo, bytes_of

MAX_HEADER_BYTES = 100 * 1024 * 1024
"""The format's own limit."""


@dataclass(frozen=True, slots=True)
class SafetensorsHeader:
    """A checked header."""

    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str]
    data_start: int
    """Offset in the file where tensor bytes begin: 8 + the header's length."""


def read_header(path: Path) -> SafetensorsHeader:
    """Reads and checks a file's header.

    Raises:
        SafetensorsHeaderError: too short, no JSON, offsets outside the file or overlapping,
            or a tensor whose byte count contradicts its shape.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        prefix = file.read(8)
        size = path.stat().st_size
        if len(prefix) < 8:
            raise _bad(path, "it is shorter than 8 bytes")
        (length,) = struct.unpack("<Q", prefix)
        if length > MAX_HEADER_BYTES or length > size - 8:
            raise _bad(path, "its header length points past the end of the file")
        text = file.read(length)
    tensors, metadata = _read(path, text, size - 8 - length)
    # Some writers put numbers in the metadata; the format says strings, so make them strings.
    strings = {key: value if isinstance(value, str) else json.dumps(value)
               for key, value in metadata.items()}  # fmt: skip
    return SafetensorsHeader(tensors, strings, 8 + length)


def _read(
    path: Path, header: bytes, data_bytes: int
) -> tuple[dict[str, TensorInfo], dict[str, Any]]:
    """The checked tensors and the metadata as it is written."""
    columns = read_columns(header)
    if columns and columns.end == data_bytes and isinstance(columns.metadata, dict):
        return columns.tensors, columns.metadata
    try:
        document = untrusted_json.loads(header.decode("utf-8"))
    except untrusted_json.TooManyValuesError as error:
        raise _bad(path, f"its header is refused: {error}") from error
    except (ValueError, RecursionError) as error:
        raise _bad(path, "its header is no JSON") from error
    if not isinstance(document, dict):
        raise _bad(path, "its header is no JSON object")
    if len(document) > MAX_TENSORS + 1:
        raise _bad(path, f"it has more than {MAX_TENSORS} tensors")
    metadata = document.pop("__metadata__", {})
    if not isinstance(metadata, dict):
        raise _bad(path, "its metadata is no JSON object")
    tensors = {name: _tensor(path, name, entry) for name, entry in document.items()}
    _check_layout(path, tensors, data_bytes)
    return tensors, metadata


_INTEGERS = frozenset({int})
"""By exact type: True is no number here."""


def _tensor(path: Path, name: str, entry: Any) -> TensorInfo:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        numbers = (*shape, start, end)
        # One pass in C each: a header has thousands of entries, and this is half of reading it.
        if not _INTEGERS.issuperset(map(type, numbers)) or min(numbers) < 0 or end < start:
            raise ValueError("a negative or fractional number")
        bits = DTYPE_BITS[dtype]
    except (KeyError, TypeError, ValueError) as error:
        raise _bad(path, f"the entry of tensor {name!r} is malformed", key=name) from error
    if bytes_of(bits, shape) != end - start:
        raise _bad(path, f"tensor {name!r} has a byte count that contradicts its shape", key=name)
    return TensorInfo(dtype, shape, start, end)


def _check_layout(path: Path, tensors: Mapping[str, TensorInfo], data_bytes: int) -> None:
    """The format wants the tensors to tile the data area: no gap, no overlap, no rest."""
    position = 0
    for start, end, name in sorted([(t.start, t.end, name) for name, t in tensors.items()]):
        if start != position:
            raise _bad(path, f"tensor {name!r} overlaps another or leaves a gap", key=name)
        position = end
    if position != data_bytes:
        raise _bad(
            path,
            f"its tensors end at byte {position} of the data area, which has {data_bytes} bytes"
            " (a cut or padded file)",
        )


def _bad(path: Path, reason: str, **details: Any) -> SafetensorsHeaderError:
    return SafetensorsHeaderError(
        f"{path.name} is not a usable safetensors file: {reason}.",
        hint="Download it again, or check where it came from.",
        path=path.name,
        reason=reason,
        **details,
    )
