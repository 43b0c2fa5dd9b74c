"""WebP files: RIFF chunks (https://developers.google.com/speed/webp/docs/riff_container)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from . import exif
from .bounded import MAX_PARTS, Buffer, at, broken, number

_WHAT = "WebP"
_EXIF_FLAG = 0x08
_ALPHA_FLAG = 0x10


def is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def read_texts(data: Buffer) -> dict[str, str]:
    """Texts of the EXIF chunk by keyword.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    for kind, start, length in _chunks(data):
        if kind == b"EXIF":
            return exif.read_texts(at(data, start, length, _WHAT))
    return {}


def with_texts(data: bytes, texts: Mapping[str, str]) -> bytes:
    """The same image with these texts in its EXIF chunk; other keywords that it had stay.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    kept = {key: text for key, text in read_texts(data).items() if key not in texts}
    chunks = [(kind, bytes(data[start : start + length])) for kind, start, length in _chunks(data)]
    chunks = [(kind, body) for kind, body in chunks if kind != b"EXIF"]
    if not chunks or chunks[0][0] != b"VP8X":
        chunks.insert(0, (b"VP8X", _extended_header(chunks)))
    header = chunks[0][1]
    chunks[0] = (b"VP8X", bytes([header[0] | _EXIF_FLAG]) + header[1:])
    chunks.append((b"EXIF", exif.make_block({**texts, **kept})))
    body = b"".join(
        kind + struct.pack("<I", len(chunk)) + chunk + b"\0" * (len(chunk) % 2)
        for kind, chunk in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _chunks(data: Buffer) -> Iterator[tuple[bytes, int, int]]:
    """(kind, where its bytes start, how many) of each chunk."""
    position = 12
    for _ in range(MAX_PARTS):
        if position + 8 > len(data):
            return
        kind, length = at(data, position, 4, _WHAT), number(data, position + 4, "<I", _WHAT)
        if position + 8 + length > len(data):
            raise broken(_WHAT, "it is cut short")
        yield kind, position + 8, length
        position += 8 + length + length % 2


def _extended_header(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """The VP8X chunk that a simple file lacks: flags and the canvas, each side minus one."""
    for kind, body in chunks:
        if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", body[6:10])
            return _canvas(0, width & 0x3FFF, height & 0x3FFF)
        if kind == b"VP8L" and body[:1] == b"\x2f" and len(body) >= 5:
            (bits,) = struct.unpack("<I", body[1:5])
            flags = _ALPHA_FLAG if bits >> 28 & 1 else 0
            return _canvas(flags, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    raise broken(_WHAT, "it holds no picture")


def _canvas(flags: int, width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes([flags, 0, 0, 0]) + sides
