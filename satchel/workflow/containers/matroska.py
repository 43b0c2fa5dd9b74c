"""Tags of WebM and Matroska files (RFC 8794, RFC 9559).

An element is an id, a size (both numbers whose first byte tells their length) and content. Tags lie
in Segment > Tags > Tag > SimpleTag > TagName, TagString; FFmpeg writes names in capitals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .bounded import Buffer, Counted, at, broken, decoded, number

_WHAT = "WebM"
_EBML, _SEGMENT, _TAGS, _TAG = 0x1A45DFA3, 0x18538067, 0x1254C367, 0x7373
_SIMPLE_TAG, _NAME, _STRING = 0x67C8, 0x45A3, 0x4487


class Element(NamedTuple):
    id: int
    start: int
    end: int


def is_matroska(head: bytes) -> bool:
    return head[:4] == b"\x1a\x45\xdf\xa3"


def read_texts(content: Buffer) -> dict[str, str]:
    """Texts of the file's tags, by lower-case name.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    data = Counted(content, _WHAT)
    texts: dict[str, str] = {}
    for segment in _named(data, Element(0, 0, len(data)), _SEGMENT):
        for tags in _named(data, segment, _TAGS):
            for tag in _named(data, tags, _TAG):
                for simple in _named(data, tag, _SIMPLE_TAG):
                    name, text = _first(data, simple, _NAME), _first(data, simple, _STRING)
                    if name and text is not None:
                        texts.setdefault(name.lower(), text)
    return texts


def _named(data: Counted, parent: Element, wanted: int) -> Iterator[Element]:
    return (element for element in _elements(data, parent) if element.id == wanted)


def _first(data: Counted, parent: Element, wanted: int) -> str | None:
    for element in _named(data, parent, wanted):
        return decoded(at(data, element.start, element.end - element.start, _WHAT))
    return None


def _elements(data: Counted, parent: Element) -> Iterator[Element]:
    position = parent.start
    while position < parent.end:
        data.count()
        kind, position = _vint(data, position, keep_marker=True)
        size, position = _vint(data, position, keep_marker=False)
        end = parent.end if size is None else position + size
        if end > parent.end:
            raise broken(_WHAT, "it is cut short")
        yield Element(kind or 0, position, end)
        position = end


def _vint(data: Counted, start: int, *, keep_marker: bool) -> tuple[int | None, int]:
    """A number and where it ends; None for a size that says `up to the end`."""
    first = number(data, start, "B", _WHAT)
    length = 9 - first.bit_length()
    if length > 8:
        raise broken(_WHAT, "its elements are damaged")
    value = int.from_bytes(at(data, start, length, _WHAT), "big")
    if not keep_marker:
        value &= (1 << 7 * length) - 1
        if value == (1 << 7 * length) - 1:
            return None, start + length
    return value, start + length
