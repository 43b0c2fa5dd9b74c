"""What a picture is by its own first bytes: its format, and how many pixels it says it has.

Looked at before any decoder is: some set memory aside for all pixels when they open a file. PNG as
in ISO/IEC 15948 (IHDR), JPEG as in ITU-T T.81 (B.2.2, frame header), WebP as in RFC 9649.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

MAX_PIXELS = 64_000_000
"""More than any camera or upscaler makes for a preview; opened they take four bytes each."""
_MAX_SEGMENTS = 10_000
_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers of frame headers."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length."""


@dataclass(frozen=True, slots=True)
class PictureHead:
    """What a picture says of itself."""

    format: Literal["png", "jpeg", "webp"]
    width: int
    height: int

    @property
    def fits(self) -> bool:
        """Whether it has pixels, and no more than `MAX_PIXELS`."""
        return 0 < self.width * self.height <= MAX_PIXELS


def picture_head(data: bytes) -> PictureHead | None:
    """The head of a PNG, JPEG or WebP picture; None for anything else, and for a broken one."""
    try:
        if data.startswith(_PNG):
            return _png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
    except (struct.error, IndexError):  # cut short
        pass
    return None


def _png(data: bytes) -> PictureHead | None:
    if data[12:16] != b"IHDR":
        return None
    return PictureHead("png", *struct.unpack_from(">II", data, 16))


def _jpeg(data: bytes) -> PictureHead | None:
    position = 2
    for _ in range(_MAX_SEGMENTS):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return PictureHead("jpeg", width, height)
        if marker == 0xFF:  # padding
            position += 1
        elif marker in _ALONE:
            position += 2
        else:
            (length,) = struct.unpack_from(">H", data, position + 2)
            position += 2 + max(2, length)
    return None


def _webp(data: bytes) -> PictureHead | None:
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X" and len(body) == 10:
        sides = (int.from_bytes(body[at : at + 3], "little") + 1 for at in (4, 7))
        return PictureHead("webp", *sides)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return PictureHead("webp", width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and body[:1] == b"\x2f":
        (bits,) = struct.unpack_from("<I", body, 1)
        return PictureHead("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return None
