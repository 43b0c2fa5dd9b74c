"""JPEG files: the EXIF block of their APP1 segment (JEITA CP-3451)."""

from __future__ import annotations

from . import exif
from .bounded import MAX_PARTS, Buffer, at, broken, number

_WHAT = "JPEG"
_START_OF_SCAN, _END = 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a length."""


def is_jpeg(head: bytes) -> bool:
    return head[:3] == b"\xff\xd8\xff"


def read_texts(data: Buffer) -> dict[str, str]:
    """Texts of the EXIF block by keyword.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    position = 2
    for _ in range(MAX_PARTS):
        if position + 2 > len(data) or at(data, position, 1, _WHAT) != b"\xff":
            raise broken(_WHAT, "its segments are damaged")
        marker = number(data, position + 1, "B", _WHAT)
        if marker == 0xFF:  # padding
            position += 1
            continue
        if marker in (_START_OF_SCAN, _END):
            return {}
        if marker in _ALONE:
            position += 2
            continue
        length = number(data, position + 2, ">H", _WHAT)
        segment = at(data, position + 4, max(0, length - 2), _WHAT)
        if marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            return exif.read_texts(segment)
        position += 2 + max(2, length)
    raise broken(_WHAT, "it has far too many segments")
