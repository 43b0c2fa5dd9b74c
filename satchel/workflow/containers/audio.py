"""Tags of FLAC, Ogg (Opus, Vorbis) and MP3 files.

FLAC (RFC 9639): metadata blocks, type 4 holds Vorbis comments. Ogg (RFC 3533): pages whose
segments make packets; the second packet holds the comments (RFC 7845 for Opus). Comments: a vendor
text, then a count and `NAME=text`, lengths little-endian. MP3: ID3v2 (id3.org), TXXX frames.
"""

from __future__ import annotations

from .bounded import MAX_PARTS, MAX_TEXT_BYTES, Buffer, at, broken, decoded, number

_COMMENT_BLOCK = 4
_COMMENT_HEADS = (b"OpusTags", b"\x03vorbis")


def is_flac(head: bytes) -> bool:
    return head[:4] == b"fLaC"


def is_ogg(head: bytes) -> bool:
    return head[:4] == b"OggS"


def is_mp3(head: bytes) -> bool:
    return head[:3] == b"ID3"


def read_flac(data: Buffer) -> dict[str, str]:
    """Comments by lower-case name.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    position = 4
    for _ in range(MAX_PARTS):
        head = number(data, position, ">I", "FLAC")
        last, kind, length = head >> 31, head >> 24 & 0x7F, head & 0xFFFFFF
        if kind == _COMMENT_BLOCK:
            return _comments(at(data, position + 4, length, "FLAC"), "FLAC")
        if last:
            return {}
        position += 4 + length
    raise broken("FLAC", "it has far too many blocks")


def read_ogg(data: Buffer) -> dict[str, str]:
    """Comments by lower-case name.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    position, packet, size = 0, [], 0
    for _ in range(MAX_PARTS):
        if at(data, position, 4, "Ogg") != b"OggS":
            raise broken("Ogg", "its pages are damaged")
        count = number(data, position + 26, "B", "Ogg")
        lengths = at(data, position + 27, count, "Ogg")
        position += 27 + count
        for length in lengths:
            packet.append(at(data, position, length, "Ogg"))
            position, size = position + length, size + length
            if size > MAX_TEXT_BYTES:
                raise broken("Ogg", "a text in it is far too large")
            if length < 255:
                whole = b"".join(packet)
                for head in _COMMENT_HEADS:
                    if whole.startswith(head):
                        return _comments(whole[len(head) :], "Ogg")
                packet, size = [], 0
    return {}


def read_mp3(data: Buffer) -> dict[str, str]:
    """TXXX texts by lower-case name.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    version, flags = number(data, 3, "B", "MP3"), number(data, 5, "B", "MP3")
    end = min(len(data), 10 + _synchsafe(at(data, 6, 4, "MP3")))
    position = 10
    if flags & 0x40:  # an extended header; only 2.4 counts its own size in
        size = at(data, 10, 4, "MP3")
        position += _synchsafe(size) if version == 4 else 4 + int.from_bytes(size, "big")
    texts: dict[str, str] = {}
    for _ in range(MAX_PARTS):
        if version < 3 or position + 10 > end:
            break
        kind, size = at(data, position, 4, "MP3"), at(data, position + 4, 4, "MP3")
        if not kind.strip(b"\0"):
            break
        length = _synchsafe(size) if version == 4 else int.from_bytes(size, "big")
        if kind == b"TXXX" and length:
            name, text = _txxx(at(data, position + 10, length, "MP3"))
            texts.setdefault(name.lower(), text)
        position += 10 + length
    return texts


def _comments(block: bytes, what: str) -> dict[str, str]:
    position = 4 + number(block, 0, "<I", what)
    count = number(block, position, "<I", what)
    position += 4
    texts: dict[str, str] = {}
    for _ in range(min(count, MAX_PARTS)):
        length = number(block, position, "<I", what)
        name, equals, text = decoded(at(block, position + 4, length, what)).partition("=")
        if equals:
            texts.setdefault(name.lower(), text)
        position += 4 + length
    return texts


def _synchsafe(size: bytes) -> int:
    """Four bytes of seven bits each."""
    value = 0
    for byte in size:
        value = value << 7 | (byte & 0x7F)
    return value


def _txxx(body: bytes) -> tuple[str, str]:
    """Name and text of a TXXX frame: a charset byte, the name, a zero, the text."""
    charset, rest = body[0], body[1:]
    if charset in (1, 2):
        text = rest.decode("utf-16" if charset == 1 else "utf-16-be", "replace")
        name, _, value = text.partition("\0")
        return name, value.lstrip("\ufeff\ufffe").rstrip("\0")
    name_bytes, _, value_bytes = rest.partition(b"\0")
    return decoded(name_bytes), decoded(value_bytes)
