"""EXIF blocks, as WebP, JPEG and AVIF files carry them.

TIFF 6.0: `II` or `MM`, 42, the offset of a list of 12-byte entries (tag, type, count, value or its
offset). ComfyUI writes text tags of the form `key:json`: `prompt` into Model (0x0110), `workflow`
into Make (0x010F), further keys into the tags below it (comfy_api/latest/_ui.py). Other packs put
JSON or A1111 text into UserComment (0x9286 of the Exif list, behind 8 bytes that name a charset).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping

from ... import untrusted_json
from .bounded import at, broken, decoded, number

MODEL, MAKE, EXIF_IFD, USER_COMMENT = 0x0110, 0x010F, 0x8769, 0x9286
_ASCII, _LONG, _UNDEFINED, _UTF8 = 2, 4, 7, 129
_UNICODE = b"UNICODE\0"
_WHAT = "image"
_MAX_ENTRIES = 1000
PARAMETERS = "parameters"
"""Keyword of A1111 text, as PNG files have it."""


def read_texts(block: bytes) -> dict[str, str]:
    """Texts by keyword; the first of a keyword wins, keywords are lower case.

    Raises:
        UnreadableMediaError: an offset leads outside.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return {}
    texts: dict[str, str] = {}
    for tag, value in _texts_of(block, order):
        if tag == USER_COMMENT:
            for key, text in _comment(value, order).items():
                texts.setdefault(key, text)
            continue
        key, colon, text = decoded(value).partition(":")
        if colon and key:
            texts.setdefault(key.strip().lower(), text.strip())
    return texts


def make_block(texts: Mapping[str, str], comment: str | None = None) -> bytes:
    """A block with `key:text` tags as the host writes them: `prompt` in Model, others from Make
    downwards, `workflow` first.

    Args:
        comment: text of a UserComment.
    """
    others = sorted((key for key in texts if key != "prompt"), key=lambda key: key != "workflow")
    tags = {MAKE - index: key for index, key in enumerate(others)}
    if "prompt" in texts:
        tags[MODEL] = "prompt"
    entries = [(tag, _ASCII, f"{key}:{texts[key]}".encode() + b"\0") for tag, key in tags.items()]
    if comment is None:
        return b"MM\0*" + struct.pack(">I", 8) + _list(entries, 8)
    exif_list = _list([(USER_COMMENT, _UNDEFINED, _UNICODE + comment.encode("utf-16-be"))], 8)
    # The first list names where the Exif list is, which lies before it.
    main = _list([*entries, (EXIF_IFD, _LONG, struct.pack(">I", 8))], 8 + len(exif_list))
    return b"MM\0*" + struct.pack(">I", 8 + len(exif_list)) + exif_list + main


def _list(entries: list[tuple[int, int, bytes]], start: int) -> bytes:
    """A list of (tag, type, value) that is to lie at an offset, with its values behind it."""
    position = start + 2 + 12 * len(entries) + 4
    rows, bodies = [], []
    for tag, form, value in sorted(entries):
        count = len(value) // 4 if form == _LONG else len(value)
        if len(value) <= 4:
            rows.append(struct.pack(">HHI", tag, form, count) + value.ljust(4, b"\0"))
            continue
        rows.append(struct.pack(">HHII", tag, form, count, position))
        bodies.append(value + b"\0" * (len(value) % 2))
        position += len(bodies[-1])
    head = struct.pack(">H", len(entries))
    return b"".join([head, *rows, struct.pack(">I", 0), *bodies])


def _texts_of(block: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """(tag, bytes) of the text tags of the first list and of the Exif list that it names."""
    pending = [number(block, 4, f"{order}I", _WHAT)]
    room = len(block)  # honest texts lie beside each other, not inside
    seen: set[int] = set()
    while pending:
        start = pending.pop(0)
        if start in seen:
            continue
        seen.add(start)
        count = min(number(block, start, f"{order}H", _WHAT), _MAX_ENTRIES)
        for index in range(count):
            entry = start + 2 + 12 * index
            tag, form = struct.unpack(f"{order}HH", at(block, entry, 4, _WHAT))
            length = number(block, entry + 4, f"{order}I", _WHAT)
            if tag == EXIF_IFD:
                pending.append(number(block, entry + 8, f"{order}I", _WHAT))
            elif form in (_ASCII, _UNDEFINED, _UTF8):
                where = entry + 8 if length <= 4 else number(block, entry + 8, f"{order}I", _WHAT)
                room -= length
                if room < 0:
                    raise broken(_WHAT, "its texts overlap")
                yield tag, at(block, where, length, _WHAT)


def _comment(value: bytes, order: str) -> dict[str, str]:
    """What a UserComment says: the graphs of a JSON object, else A1111 text."""
    charset, text = value[:8], value[8:]
    if charset.startswith(b"UNICODE"):
        # Writers disagree about the byte order: that of the block is right, big-endian is common.
        little = order == "<" and not text.startswith(b"\0")
        comment = text.decode("utf-16-le" if little else "utf-16-be", "replace").rstrip("\0")
    elif charset.startswith((b"ASCII", b"\0\0\0\0\0\0\0\0")):
        comment = decoded(text)
    else:
        comment = decoded(value)
    try:
        table = untrusted_json.loads(comment)
    except (ValueError, RecursionError):
        return {PARAMETERS: comment} if comment else {}
    if not isinstance(table, dict):
        return {}
    return {
        str(key).lower(): inner if isinstance(inner, str) else json.dumps(inner)
        for key, inner in table.items()
    }
