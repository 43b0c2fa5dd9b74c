"""A safetensors header in the very form that its library writes, read by columns.

A LoRA's header has thousands of entries. Cut at the signs that all of them share, the text is a
table of names, kinds and offsets, and each step is one call over a whole column; `json` makes three
objects of each entry first. Offsets are not read but written: as they must be when each tensor
begins where the one before it ends. Whatever is not exactly of this form gives None, and is read,
or refused, as any other JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from itertools import accumulate, repeat
from typing import Any, NamedTuple

from . import untrusted_json
from .tensor_info import DTYPE_BITS, MAX_TENSORS, TensorInfo, bytes_of

_WRITERS = ((":", ","), (": ", ", "))
"""Colon and comma as the library writes them, and as Python's `json.dumps` does."""
_METADATA = '{"__metadata__"'
_METADATA_JSON = json.JSONDecoder()
_ALLOWED = bytes(range(32, 256))
_make = partial(tuple.__new__, TensorInfo)


class Columns(NamedTuple):
    """A header whose entries are well-formed and tile the data area from its first byte on."""

    tensors: dict[str, TensorInfo]
    """In file order, which is the order of their bytes."""
    metadata: Any
    """As JSON has it: not checked."""
    end: int
    """Where the last tensor ends."""


def read_columns(header: bytes) -> Columns | None:
    """Reads a header; None when it is of another form. Raises nothing."""
    if header.translate(None, _ALLOWED):  # JSON allows no such thing inside of texts
        return None
    colon, comma = _WRITERS[b'": {"dtype": "' in header]
    try:
        return _read(header.decode("utf-8").rstrip(" "), colon, comma)
    except (KeyError, ValueError, RecursionError):
        return None


def _read(text: str, colon: str, comma: str) -> Columns | None:
    metadata: Any = {}
    start, before = 0, '{"'
    if text.startswith(_METADATA + colon):
        metadata, start = _read_metadata(text, colon)
        before = comma + '"'
    if not (text.startswith(before, start) and text.endswith("]}}")):
        return None
    # NAME":{"dtype":"F16","shape":[4,320],"data_offsets":[0,2560
    entries = text[start + len(before) : -3].split(f']}}{comma}"', MAX_TENSORS)
    names, rests = _cut(entries, f'"{colon}{{"dtype"{colon}"')
    kinds, offsets = _cut(rests, f'{comma}"data_offsets"{colon}[')
    known = {kind: _kind(kind, colon, comma) for kind in set(kinds)}
    dtypes, shapes, sizes = zip(*map(known.__getitem__, kinds), strict=True)
    ends = list(accumulate(sizes))
    starts = [0, *ends[:-1]]
    tiling = map(comma.join, zip(map(str, starts), map(str, ends), strict=True))
    tensors: dict[str, TensorInfo] = dict(
        zip(names, map(_make, zip(dtypes, shapes, starts, ends, strict=True)), strict=True)
    )
    letters = "".join(names)
    if (
        list(offsets) != list(tiling) or len(tensors) < len(names) or "__metadata__" in tensors
        or '"' in letters or "\\" in letters
    ):  # fmt: skip
        return None
    return Columns(tensors, metadata, ends[-1])


def _cut(texts: Iterable[str], at: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands before and after a sign.

    Raises:
        ValueError: one of the texts has no such sign.
    """
    before, signs, after = zip(*map(str.partition, texts, repeat(at)), strict=True)
    if set(signs) != {at}:
        raise ValueError("another form")
    return before, after


def _read_metadata(text: str, colon: str) -> tuple[Any, int]:
    """The metadata at the start of a header, and where it ends.

    Raises:
        ValueError: there is none, or it holds far too much.
    """
    head = text[: text.find(colon + '{"dtype"')]
    untrusted_json.check_size(head)
    return _METADATA_JSON.raw_decode(head, len(_METADATA + colon))


def _kind(text: str, colon: str, comma: str) -> tuple[str, tuple[int, ...], int]:
    """`F16","shape":[4,320]` -> dtype, shape, and the bytes of such a tensor.

    Raises:
        ValueError: it is malformed.
    """
    dtype, sign, rest = text.partition(f'"{comma}"shape"{colon}[')
    inner = rest[:-1]
    sizes = tuple(map(int, inner.split(comma))) if inner else ()
    # Python reads ` 1`, `+1` and `1_0` as numbers, too.
    if not sign or comma.join(map(str, sizes)) + "]" != rest or min(sizes, default=0) < 0:
        raise ValueError("another form")
    return dtype, sizes, bytes_of(DTYPE_BITS[dtype], sizes)
