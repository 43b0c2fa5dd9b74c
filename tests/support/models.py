"""Small model files with true container formats."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping
from pathlib import Path

BYTES_PER_ELEMENT = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}


def write_safetensors(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    *,
    seed: int = 0,
    dtype: str = "F32",
    metadata: Mapping[str, str] | None = None,
    element: bytes | None = None,
) -> Path:
    """Writes a safetensors file with random bytes for tensors and makes its folders.

    `element`: the bytes of every number, in place of random ones.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name, shape in (shapes or {"weight": (16, 16)}).items():
        count = BYTES_PER_ELEMENT[dtype]
        for dimension in shape:
            count *= dimension
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [position, position + count],
        }
        position += count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = random.Random(seed).randbytes(position) if element is None else b""
    if element is not None:
        body = element * (position // len(element))
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path
