"""The module tables that architectures are written in, and their compiled form.

A table is text, one row per family of modules:

    double_blocks.<D>.(img|txt)_attn.qkv    3h h
    patch_embedding                         h  16x1x2x2
    layers.<L>.attention_norm1              h

`(a|b)` stands for each alternative, `<D>` for the indices 0..D-1 (or `<0-12>`, `<1,2,4>`). Sizes
are `out in` in the order of the weight; a convolution adds its kernel to `in`, a norm has `out`
only, `?` accepts any size. A size is a number, a parameter or a sum of multiples: `h+2kv`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

Indices = tuple[str, ...]
"""The numbers in a module path, in order, as text."""

_NUMBER = re.compile(r"_(\d+)(?=_|$)")
_SLOT = re.compile(r"_(\d+|<[^>]+>)(?=_|$)")
_PLACEHOLDER = re.compile(r"(<[^>]+>)")
_ALTERNATIVES = re.compile(r"\(([^)]+)\)")
_KERNEL = re.compile(r"x(?=\d)")
_TERM = re.compile(r"(\d*)([a-z]\w*)?$")


def split_path(path: str) -> tuple[str, Indices]:
    """Splits a flat module path into its skeleton and the numbers taken out of it.

    `double_blocks_3_img_mlp_0` becomes `("double_blocks#_img_mlp#", ("3", "0"))`. Only a number
    that is a whole token counts, so `attn1` and `fc2` stay as they are.
    """
    parts = _NUMBER.split(path)
    return "#".join(parts[::2]), tuple(parts[1::2])


def join_path(skeleton: str, indices: Indices) -> str:
    """The path that `split_path` split."""
    parts = skeleton.split("#")
    return parts[0] + "".join(f"_{n}{rest}" for n, rest in zip(indices, parts[1:], strict=False))


class Shape(NamedTuple):
    """What a module's tensors tell about its weight; None or 0 = not told."""

    out: int | None = None
    inputs: int | None = None
    """Inputs times kernel size: the second dimension of the weight as a matrix."""
    dims: int = 0
    """Number of dimensions of the weight: 2 linear, 4 and 5 convolutions."""

    def __str__(self) -> str:
        return "x".join("?" if n is None else str(n) for n in self[:2])


@dataclass(slots=True)
class Rule:
    """The modules of one skeleton and shape that an architecture has under one naming."""

    skeleton: str
    naming: str
    out: int | None
    inputs: int | None
    dims: int
    indices: frozenset[Indices]

    def fits(self, shape: Shape) -> bool:
        """Whether the weight may have this shape; what the file does not tell always fits."""
        if shape.out is not None and self.out is not None and shape.out != self.out:
            return False
        if shape.inputs is not None:
            if self.dims == 1 or (self.inputs is not None and shape.inputs != self.inputs):
                return False
            return not shape.dims or shape.dims == self.dims
        return True


@dataclass(frozen=True, slots=True)
class Layout:
    """One table of an architecture, in one of the worlds of names it is known by."""

    naming: str
    """`native` (ComfyUI's own), `diffusers`, or a vendor's: `tencent`, `xlabs`, `omi`."""
    table: str | Callable[[], str]
    """The rows, or what writes them: the UNets' tables are computed at their first use."""
    sizes: Mapping[str, int]

    def rules(self) -> Iterator[Rule]:
        """Compiles the table.

        Raises:
            ValueError: a row is malformed (a mistake in this package).
        """
        table = self.table if isinstance(self.table, str) else self.table()
        for line in filter(None, table.splitlines()):
            pattern, *sizes = line.split()
            if not 1 <= len(sizes) <= 2:
                raise ValueError(f"a layout row needs one or two sizes: {line!r}")
            inputs, dims = self._inputs(sizes[1]) if len(sizes) == 2 else (None, 1)
            out = self._size(sizes[0])
            for skeleton, slots in _paths(pattern):
                indices = _product(tuple(self._range(slot) for slot in slots))
                yield Rule(skeleton, self.naming, out, inputs, dims, indices)

    def paths(self) -> Iterator[str]:
        """Every module's path with its dots: `double_blocks.3.img_mlp.0`."""
        table = self.table if isinstance(self.table, str) else self.table()
        for line in filter(None, table.splitlines()):
            for path in _choices(line.split()[0]):
                parts = _PLACEHOLDER.split(path)
                for numbers in _product(tuple(self._range(part) for part in parts[1::2])):
                    yield "".join(itertools.chain(*zip(parts[::2], (*numbers, ""), strict=True)))

    def _range(self, text: str) -> str:
        if not text.startswith("<"):
            return text
        name = text[1:-1]
        return f"0-{self.sizes[name] - 1}" if name in self.sizes else name

    def _inputs(self, text: str) -> tuple[int | None, int]:
        first, *kernel = _KERNEL.split(text)
        size = self._size(first)
        for length in kernel:
            size = size * int(length) if size is not None else None
        return size, 2 + len(kernel)

    def _size(self, text: str) -> int | None:
        if text.isdigit():
            return int(text)
        if text == "?":
            return None
        total = 0
        for term in text.split("+"):
            match = _TERM.match(term)
            if match is None:
                raise ValueError(f"not a size: {text!r}")
            factor = int(match[1] or 1)
            total += factor * self.sizes[match[2]] if match[2] else factor
        return total


@cache
def _paths(pattern: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Expands a row's alternatives: the skeleton of each path and the texts of its numbers."""
    split = (_SLOT.split(path) for path in _choices(pattern.replace(".", "_")))
    return tuple(("#".join(parts[::2]), tuple(parts[1::2])) for parts in split)


def _choices(pattern: str) -> Iterator[str]:
    """The paths of a row with each of its alternatives."""
    parts = _ALTERNATIVES.split(pattern)
    choices = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
    return ("".join(choice) for choice in itertools.product(*choices))


@cache
def _product(ranges: tuple[str, ...]) -> frozenset[Indices]:
    return frozenset(itertools.product(*map(_numbers, ranges)))


def _numbers(text: str) -> list[str]:
    numbers: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers.extend(str(n) for n in range(int(first), int(last or first) + 1))
    return numbers
