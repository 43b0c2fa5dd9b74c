"""What a safetensors header says of one tensor, and the limits of the format."""

from __future__ import annotations

from typing import NamedTuple

MAX_TENSORS = 65_536
"""Ten times those of the largest models that ComfyUI loads."""

DTYPE_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "I64": 64, "I32": 32, "I16": 16, "I8": 8,
    "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64,
}  # fmt: skip


class TensorInfo(NamedTuple):
    """One tensor as the header describes it; a tuple, since a file has thousands of them."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """Offset of the first byte, counted from the end of the header."""
    end: int


def bytes_of(bits: int, shape: tuple[int, ...]) -> int:
    """The bytes of a tensor whose numbers have so many bits; only huge for an absurd shape."""
    if 0 in shape:
        return 0
    for dimension in shape:
        bits *= dimension
        if bits > 1 << 70:
            break  # more than any file: a long list of huge numbers takes hours to multiply
    return (bits + 7) // 8
