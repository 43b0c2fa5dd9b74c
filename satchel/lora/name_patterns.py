"""Tensor names of a LoRA file, sorted into the few that differ in block numbers only.

A file of three thousand tensors has some hundred such patterns. A name is looked at by itself (its
tail, its prefix, its path) once for each pattern; what remains for every name is one pass in C.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from .architectures import Indices, split_path
from .keys import PREFIX, split_prefix, split_tail

MAX_KEPT = 4096
"""Spellings that are remembered from file to file: those of some thirty trainers and models."""
MAX_KEPT_CHARS = 500
"""Longer names are nobody's, and are not remembered."""

_MASK = str.maketrans("123456789", "000000000")
_DIGITS = re.compile("0+")
_MASKED_PREFIX = re.compile(re.sub(r"\[\d+\]", "0", PREFIX.pattern))


class Spelling(NamedTuple):
    """What names with one prefix, one path but for its numbers and one tail have in common."""

    base: str
    """The module's name as written, its block numbers as `#`."""
    prefix: str
    is_text_encoder: bool
    skeleton: str
    """The flat path without its numbers (`split_path`)."""
    role: str
    tail: str
    """How the tail is written (`keys.Tail.spelling`)."""
    regular: bool
    """Whether the numbers are where the masks say; digits of another script are not."""


def name_patterns(names: Sequence[str]) -> Iterator[tuple[Spelling, list[str], list[Indices]]]:
    """Sorts names, in the order of first appearance: their spelling, the names, and the block
    numbers of each. Names without a role are left out."""
    masks = "\n".join(names).translate(_MASK).split("\n")
    if len(masks) != len(names):  # a name with a line break
        masks = [name.translate(_MASK) for name in names]
    alike: dict[str, list[str]] = defaultdict(list)
    for mask, name in zip(masks, names, strict=True):
        alike[mask].append(name)
    for mask, members in alike.items():
        kept = len(mask) <= MAX_KEPT_CHARS
        numbers, letters = _digits(mask) if kept else _find_digits(mask)
        parts = _by_letters(members, letters) if letters and len(members) > 1 else [members]
        for part in parts:
            yield from _read(part, mask, numbers, letters)


def _by_letters(names: list[str], letters: tuple[slice, ...]) -> Iterable[list[str]]:
    """`attn1` and `attn2` are no numbers of blocks."""
    spelled: dict[object, list[str]] = defaultdict(list)
    for digits, name in zip(map(itemgetter(*letters), names), names, strict=True):
        spelled[digits].append(name)
    return spelled.values()


def _read(
    names: list[str], mask: str, numbers: tuple[slice, ...], letters: tuple[slice, ...]
) -> Iterator[tuple[Spelling, list[str], list[Indices]]]:
    model = mask
    for part in letters:
        model = f"{model[: part.start]}{names[0][part]}{model[part.stop :]}"
    look = _spelling if len(mask) <= MAX_KEPT_CHARS else _find_spelling
    spelling = look(model, mask)
    if spelling is None:
        return
    if not spelling.regular:
        for name in names:
            alone = look(name, "")
            if alone is not None:
                base = split_prefix(alone.base, alone.tail)[1]
                yield alone, [name], [split_path(base)[1]]
    elif len(numbers) == 1:
        (number,) = numbers
        yield spelling, names, [(name[number],) for name in names]
    elif numbers:
        yield spelling, names, list(map(itemgetter(*numbers), names))
    else:
        yield spelling, names, [()]


def _find_spelling(name: str, mask: str) -> Spelling | None:
    """Looks at one name, whose numbers stand for those of all others; None without a role."""
    numbers, _ = _find_digits(mask)
    split = split_tail(name)
    if split is None:
        return None
    base, (role, tail) = split
    prefix, path, is_text_encoder = split_prefix(base, tail)
    skeleton, own = split_path(path)
    for number in reversed(numbers):
        base = f"{base[: number.start]}#{base[number.stop :]}"
    regular = own == tuple(name[number] for number in numbers)
    return Spelling(base, prefix, is_text_encoder, skeleton, role, tail, regular)


def _find_digits(mask: str) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where digits are whole words of a path, and where they belong to a word or to the prefix."""
    prefix = _MASKED_PREFIX.match(mask)
    start = prefix.end() if prefix else 0
    numbers: list[slice] = []
    letters: list[slice] = []
    for match in _DIGITS.finditer(mask):
        first, last = match.span()
        alone = first > start and mask[first - 1] in "_." and mask[last : last + 1] in ("_", ".")
        (numbers if alone else letters).append(slice(first, last))
    return tuple(numbers), tuple(letters)


_spelling = lru_cache(MAX_KEPT)(_find_spelling)
_digits = lru_cache(MAX_KEPT)(_find_digits)
