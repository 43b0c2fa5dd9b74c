"""Metadata of safetensors and `.latent` files, where ComfyUI stores what made a latent."""

from __future__ import annotations

import struct

from ... import untrusted_json
from ...safetensors_header import MAX_HEADER_BYTES
from .bounded import Buffer, at, broken, number

_WHAT = "safetensors"


def is_tensors(head: bytes) -> bool:
    return len(head) > 9 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] > 1


def read_texts(data: Buffer) -> dict[str, str]:
    """The header's `__metadata__`.

    Raises:
        UnreadableMediaError: cut short, or its header is no JSON.
    """
    length = number(data, 0, "<Q", _WHAT)
    if length > min(len(data) - 8, MAX_HEADER_BYTES):
        raise broken(_WHAT, "it is cut short")
    try:
        header = untrusted_json.loads(at(data, 8, length, _WHAT))
    except (ValueError, RecursionError):
        raise broken(_WHAT, "its header is no JSON") from None
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    return {
        str(key): value
        for key, value in (metadata.items() if isinstance(metadata, dict) else ())
        if isinstance(value, str)
    }
