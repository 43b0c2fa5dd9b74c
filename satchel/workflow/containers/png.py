"""Text chunks of PNG files, read and replaced without touching a pixel.

PNG (https://www.w3.org/TR/png-3/): an 8-byte signature, then chunks of length, type, data, CRC-32.
ComfyUI stores `prompt` and `workflow` as tEXt, and in animated images as private `comf` chunks of
the form `keyword NUL text` (comfy_api/latest/_ui.py); iTXt and zTXt occur in files that others
re-saved.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

from ...errors import UnreadableMediaError
from .bounded import MAX_INFLATED_BYTES, MAX_PARTS, Buffer

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_texts(image: Buffer) -> dict[str, str]:
    """All text chunks by keyword; the first of a keyword wins, as in the stock frontend.

    Raises:
        UnreadableMediaError: no PNG, cut short, damaged, or a text chunk that unpacks without end.
    """
    texts: dict[str, str] = {}
    room = MAX_INFLATED_BYTES
    for kind, data in _chunks(image):
        keyword = _keyword(kind, data)
        if keyword is not None and keyword not in texts:
            text = _text(kind, data, room)
            if _is_compressed(kind, data):
                room = max(0, room - len(text))
            texts[keyword] = _decode(text)
    return texts


def with_texts(image: bytes, texts: Mapping[str, str]) -> bytes:
    """The same image with these text chunks, replacing those of the same keywords.

    Raises:
        UnreadableMediaError: no PNG, cut short or damaged.
    """
    parts = [SIGNATURE]
    for kind, data in _chunks(image):
        if _keyword(kind, data) in texts:
            continue
        parts.append(_chunk(kind, data))
        if kind == b"IHDR":
            # Before the pixels, where readers that stop early still find them.
            parts += [_text_chunk(keyword, text) for keyword, text in texts.items()]
    return b"".join(parts)


def pixel_data(image: bytes) -> bytes:
    """The inflated scanlines of all IDAT chunks, for comparing two images byte by byte.

    Raises:
        UnreadableMediaError: as `read_texts`, or the pixel stream is damaged.
    """
    stream = b"".join(data for kind, data in _chunks(image) if kind == b"IDAT")
    try:
        return zlib.decompress(stream)
    except zlib.error as error:
        raise _broken("its pixels cannot be unpacked") from error


def _chunks(image: Buffer) -> Iterator[tuple[bytes, bytes]]:
    if image[: len(SIGNATURE)] != SIGNATURE:
        raise _broken("it is no PNG file")
    position, kind, parts = len(SIGNATURE), b"", 0
    while kind != b"IEND":
        parts += 1
        if parts > MAX_PARTS:
            raise _broken("it has far too many chunks")
        if position + 12 > len(image):
            raise _broken("it is cut short")
        length, kind = struct.unpack(">I4s", image[position : position + 8])
        end = position + 12 + length
        if end > len(image):
            raise _broken("it is cut short")
        data = bytes(image[position + 8 : end - 4])
        if zlib.crc32(kind + data) != struct.unpack(">I", image[end - 4 : end])[0]:
            raise _broken(f"its {kind.decode('latin-1')!r} chunk is damaged")
        if position == len(SIGNATURE) and kind != b"IHDR":
            raise _broken("it has no header")
        yield kind, data
        position = end


def _keyword(kind: bytes, data: bytes) -> str | None:
    """The keyword of a text chunk; `None` for every other chunk."""
    if kind not in (b"tEXt", b"iTXt", b"zTXt", b"comf"):
        return None
    return data.partition(b"\0")[0].decode("latin-1")


def _text(kind: bytes, data: bytes, room: int) -> bytes:
    """The text of a text chunk, still encoded; at most `room` bytes when it is compressed."""
    rest = data.partition(b"\0")[2]
    compressed = _is_compressed(kind, data)
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        rest = rest[2:].split(b"\0", 2)[-1]
    return _inflate(rest, room) if compressed else rest


def _is_compressed(kind: bytes, data: bytes) -> bool:
    return kind == b"zTXt" or (kind == b"iTXt" and data.partition(b"\0")[2][:1] == b"\1")


def _decode(text: bytes) -> str:
    # The specification says Latin-1 for tEXt; ComfyUI and others write UTF-8 into it.
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _inflate(data: bytes, room: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(data, room + 1)  # a limit of 0 would mean none
    except zlib.error as error:
        raise _broken("a compressed text in it is damaged") from error
    if len(text) > room:
        raise _broken("a compressed text in it is far too large")
    if not unpacker.eof:
        raise _broken("a compressed text in it is damaged")
    return text


def _text_chunk(keyword: str, text: str) -> bytes:
    if text.isascii():
        return _chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("ascii"))
    body = keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode("utf-8")
    return _chunk(b"iTXt", body)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def _broken(reason: str) -> UnreadableMediaError:
    return UnreadableMediaError(
        f"The image cannot be read: {reason}.",
        hint="Use the original PNG file: chat and social sites often re-encode images.",
        reason=reason,
    )
