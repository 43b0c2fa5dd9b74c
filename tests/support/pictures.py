"""Small pictures, made without any library."""

from __future__ import annotations

import struct
import zlib


def png(
    width: int, height: int, rows: bytes | None = None, colour: bytes = b"\x20\x80\xc0"
) -> bytes:
    """A picture in one colour; without `rows` complete, else whatever they are."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        tail = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + tail

    if rows is None:
        rows = (b"\0" + colour * width) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    text = chunk(b"tEXt", b"workflow\0a secret of its author")
    body = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + text + body + chunk(b"IEND", b"")


def webp_canvas(width: int, height: int) -> bytes:
    """The first bytes of a WebP file that claims so many pixels, and has none."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides
    return b"RIFF" + struct.pack("<I", len(body)) + body
