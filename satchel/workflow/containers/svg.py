"""SVG files: ComfyUI puts one JSON object with all keys into a CDATA section of `<metadata>`."""

from __future__ import annotations

import json

from ... import untrusted_json
from .bounded import MAX_TEXT_BYTES, Buffer, broken

_SEARCHED = 4096
"""How far into a file its `<svg` tag may begin."""


def is_svg(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<") and b"<svg" in head[:_SEARCHED]


def read_texts(data: Buffer) -> dict[str, str]:
    """The object's values as JSON texts, by key.

    No XML is parsed: entities of an untrusted file are nobody's business here.

    Raises:
        UnreadableMediaError: the section does not end, or is no JSON object.
    """
    content = bytes(data[:MAX_TEXT_BYTES])
    start = content.find(b"<metadata")
    opened = content.find(b"<![CDATA[", start) if start >= 0 else -1
    if opened < 0:
        return {}
    closed = content.find(b"]]>", opened)
    if closed < 0:
        raise broken("SVG", "its metadata does not end")
    try:
        table = untrusted_json.loads(content[opened + 9 : closed])
    except (ValueError, RecursionError):
        raise broken("SVG", "its metadata is no JSON") from None
    if not isinstance(table, dict):
        raise broken("SVG", "its metadata is no JSON object")
    return {
        str(key): value if isinstance(value, str) else json.dumps(value)
        for key, value in table.items()
    }
