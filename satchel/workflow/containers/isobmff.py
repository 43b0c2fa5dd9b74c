"""Boxes of MP4, MOV and AVIF files (ISO/IEC 14496-12, 23008-12; QuickTime metadata).

FFmpeg's `use_metadata_tags`, which the host uses, writes `moov/udta/meta` or `moov/meta` with the
handler `mdta`: `keys` lists names, `ilst` holds a value for each by its number. An AVIF image keeps
EXIF as an item of its `meta` box: `iinf` says which item, `iloc` where it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from . import exif
from .bounded import Buffer, Counted, at, broken, decoded, number

_WHAT = "video or AVIF"
_IMAGE_BRANDS = (b"avif", b"avis", b"mif1", b"miaf")


class Box(NamedTuple):
    kind: bytes
    start: int
    """Of its content."""
    end: int


def is_isobmff(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def read_texts(content: Buffer) -> dict[str, str]:
    """Texts by keyword: metadata tags of a video, EXIF of an image.

    Raises:
        UnreadableMediaError: cut short or damaged.
    """
    data = Counted(content, _WHAT)
    texts: dict[str, str] = {}
    for box in _boxes(data, 0, len(data)):
        if box.kind == b"moov":
            texts |= _movie_texts(data, box)
        elif box.kind == b"meta":
            texts |= _image_texts(data, box)
    return texts


def _boxes(data: Counted, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        data.count()
        size, kind = number(data, start, ">I", _WHAT), at(data, start + 4, 4, _WHAT)
        header = 8
        if size == 1:
            size, header = number(data, start + 8, ">Q", _WHAT), 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            raise broken(_WHAT, "its boxes are damaged or cut short")
        yield Box(kind, start + header, start + size)
        start += size


def _movie_texts(data: Counted, movie: Box) -> dict[str, str]:
    for box in _boxes(data, movie.start, movie.end):
        if box.kind == b"meta":
            return _tags(data, box)
        if box.kind == b"udta":
            for inner in _boxes(data, box.start, box.end):
                if inner.kind == b"meta":
                    return _tags(data, inner)
    return {}


def _meta_boxes(data: Counted, meta: Box) -> dict[bytes, Box]:
    """Boxes inside `meta`, which has four bytes of version and flags except in QuickTime files."""
    quicktime = at(data, meta.start + 4, 4, _WHAT) == b"hdlr"
    start = meta.start if quicktime else meta.start + 4
    return {box.kind: box for box in _boxes(data, start, meta.end)}


def _tags(data: Counted, meta: Box) -> dict[str, str]:
    boxes = _meta_boxes(data, meta)
    if b"keys" not in boxes or b"ilst" not in boxes:
        return {}
    names: list[str] = []
    position = boxes[b"keys"].start + 8
    while position + 8 <= boxes[b"keys"].end:
        data.count()
        size = number(data, position, ">I", _WHAT)
        if size < 8:
            raise broken(_WHAT, "its tags are damaged")
        names.append(decoded(at(data, position + 8, size - 8, _WHAT)))
        position += size
    texts: dict[str, str] = {}
    for item in _boxes(data, boxes[b"ilst"].start, boxes[b"ilst"].end):
        index = int.from_bytes(item.kind, "big") - 1
        for value in _boxes(data, item.start, item.end):
            if value.kind == b"data" and 0 <= index < len(names):
                text = at(data, value.start + 8, value.end - value.start - 8, _WHAT)
                texts.setdefault(names[index].lower(), decoded(text))
    return texts


def _image_texts(data: Counted, meta: Box) -> dict[str, str]:
    boxes = _meta_boxes(data, meta)
    if b"iinf" not in boxes or b"iloc" not in boxes:
        return {}
    wanted = _exif_items(data, boxes[b"iinf"])
    for item, start, length in _locations(data, boxes[b"iloc"]):
        if item in wanted and length > 4:
            skipped = number(data, start, ">I", _WHAT)  # up to the TIFF header
            return exif.read_texts(at(data, start + 4 + skipped, length - 4 - skipped, _WHAT))
    return {}


def _exif_items(data: Counted, box: Box) -> set[int]:
    version = number(data, box.start, "B", _WHAT)
    first = box.start + (6 if version == 0 else 8)
    items = set()
    for entry in _boxes(data, first, box.end):
        form = number(data, entry.start, "B", _WHAT)
        if entry.kind != b"infe" or form < 2:
            continue
        wide = form > 2
        item = number(data, entry.start + 4, ">I" if wide else ">H", _WHAT)
        kind = at(data, entry.start + (10 if wide else 8), 4, _WHAT)
        if kind == b"Exif":
            items.add(item)
    return items


def _locations(data: Counted, box: Box) -> Iterator[tuple[int, int, int]]:
    """(item, start in the file, length) of the items that lie in one piece."""
    version = number(data, box.start, "B", _WHAT)
    sizes = number(data, box.start + 4, ">H", _WHAT)
    offset_size, length_size = sizes >> 12, sizes >> 8 & 15
    base_size, index_size = sizes >> 4 & 15, sizes & 15
    position = box.start + 6

    def take(size: int) -> int:
        nonlocal position
        value = int.from_bytes(at(data, position, size, _WHAT), "big")
        position += size
        return value

    for _ in range(take(4 if version == 2 else 2)):
        data.count()
        item = take(4 if version == 2 else 2)
        method = take(2) & 15 if version else 0
        take(2)  # which file: ours
        base = take(base_size)
        extents = []
        for _ in range(take(2)):
            data.count()  # an extent may take no byte at all
            if version:
                take(index_size)
            extents.append((base + take(offset_size), take(length_size)))
        if method == 0 and len(extents) == 1:
            yield item, *extents[0]
