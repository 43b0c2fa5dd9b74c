"""Patches: what one LoRA file does to one weight, and whether it fits there.

`weights` is the tuple that ComfyUI 0.30.0's adapter of that algorithm holds:

    lora   up, down, alpha, mid, dora_scale, reshape
    loha   w1_a, w1_b, alpha, w2_a, w2_b, t1, t2, dora_scale
    lokr   w1, w2, alpha, w1_a, w1_b, w2_a, w2_b, t2, dora_scale
    glora  a1, a2, b1, b2, alpha, dora_scale
    diff   delta                                     set    value

or that Satchel's own adapter holds (`adapters/`):

    oft    (blocks of each part), rescale, alpha     boft   blocks, rescale, alpha
    ia3    scale, on_input                           oft_input   vectors
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .adapters.rotations import block_size

Shape = tuple[int, ...]
Target = Any
"""A key of the host's state dict, or `(key, (dim, start, length))`, or with a function third."""


DORA_PLACES = {"lora": 4, "loha": 7, "lokr": 8, "glora": 5}
"""Where the host's tuples hold the DoRA magnitude."""


@dataclass(frozen=True, slots=True)
class Patch:
    """One file's change of one target, at strength 1."""

    target: Target
    algorithm: str
    weights: tuple[Any, ...]
    value: Any
    """The host's own object for it, handed back as it is when nothing can be fused."""

    @property
    def key(self) -> str:
        """The state-dict key that the target lies in."""
        key: str = self.target if isinstance(self.target, str) else self.target[0]
        return key

    @property
    def is_plain(self) -> bool:
        """Whether it is `scale * up @ down` and nothing else."""
        return self.algorithm == "lora" and all(extra is None for extra in self.weights[3:6])

    @property
    def is_additive(self) -> bool:
        """Whether its change does not depend on the weight it is added to.

        DoRA normalises by the weight, GLoRA, OFT and BOFT multiply it, `set` replaces it, and a
        reshape changes what comes after it: their place in the order matters.
        """
        if self.algorithm == "diff":
            return True
        if self.algorithm == "lora":
            return self.weights[4] is None and self.weights[5] is None
        return self.algorithm in {"loha", "lokr"} and self.weights[-1] is None

    @property
    def scale(self) -> float:
        """alpha / rank of a plain pair; 1 without alpha."""
        alpha = self.weights[2]
        return 1.0 if alpha is None else float(alpha) / self.weights[1].shape[0]

    def shape_after(self, shape: Shape) -> Shape:
        """The weight's shape once this patch is applied; only a reshape changes it."""
        if self.algorithm == "lora" and self.weights[5] is not None:
            return tuple(self.weights[5])
        return shape

    def fits(self, shape: Shape) -> bool:
        """Whether the host can add it to a weight (or slice) of this shape."""
        check = _CHECKS.get(self.algorithm)
        try:
            return check is None or check(self.weights, self.shape_after(shape))
        except (IndexError, AttributeError, ValueError):
            return False  # a tensor with too few dimensions, or one that is not there


def slice_shape(target: Target, shape: Shape) -> Shape:
    """The shape of what a target addresses in a weight: its slice, if it names one."""
    if isinstance(target, str) or target[1] is None:
        return shape
    dim, _, length = target[1]
    return (*shape[:dim], length, *shape[dim + 1 :])


def bias_target(target: Target) -> Target:
    """The bias beside a weight: all of it, or the part that belongs to the rows of a slice."""
    if isinstance(target, str):
        return f"{target.removesuffix('.weight')}.bias"
    return (f"{target[0].removesuffix('.weight')}.bias", *target[1:])


def _fits_lora(weights: tuple[Any, ...], shape: Shape) -> bool:
    up, down, _, mid, dora_scale, _ = weights
    columns = down[0].numel()
    if mid is not None:
        # Tucker: down is rank x in, mid rank x rank x kernel.
        if mid.dim() < 3 or mid.shape[0] != down.shape[0]:
            return False
        columns = down.shape[1] * math.prod(mid.shape[2:])
    return (
        up.flatten(1).shape[1] == down.shape[0]
        and _is_matrix_of(up.shape[0], columns, shape)
        and _fits_dora(dora_scale, shape)
    )


def _fits_loha(weights: tuple[Any, ...], shape: Shape) -> bool:
    w1_a, w1_b, _, w2_a, w2_b, t1, t2, dora_scale = weights
    if t1 is not None and t2 is not None:
        rows, columns = w1_a.shape[1], w1_b.shape[1] * math.prod(t1.shape[2:])
        inner = w1_a.shape[0] == t1.shape[0] and w1_b.shape[0] == t1.shape[1]
    else:
        rows, columns = w1_a.shape[0], w1_b.shape[1]
        inner = w1_a.shape[1] == w1_b.shape[0] and w2_a.shape[1] == w2_b.shape[0]
    return inner and _is_matrix_of(rows, columns, shape) and _fits_dora(dora_scale, shape)


def _fits_lokr(weights: tuple[Any, ...], shape: Shape) -> bool:
    w1, w2, _, w1_a, w1_b, w2_a, w2_b, t2, dora_scale = weights
    left = w1.shape if w1 is not None else (w1_a.shape[0], w1_b.shape[1])
    if w2 is not None:
        right = w2.shape
    elif t2 is not None:
        right = (w2_a.shape[1], w2_b.shape[1], *t2.shape[2:])
    else:
        right = (w2_a.shape[0], w2_b.shape[1])
    columns = left[1] * math.prod(right[1:])
    return _is_matrix_of(left[0] * right[0], columns, shape) and _fits_dora(dora_scale, shape)


def _fits_glora(weights: tuple[Any, ...], shape: Shape) -> bool:
    a1, a2, b1, b2 = weights[:4]
    rows, columns = shape[0], math.prod(shape[1:])
    new = (b1.shape[0], b2[0].numel(), a1.shape[0]) == (rows, columns, shape[1])
    # The first release stored the four transposed and in the other order.
    old = (b2.shape[0], b1[0].numel(), a2.shape[0]) == (rows, columns, columns)
    return new or old


def _fits_oft(weights: tuple[Any, ...], shape: Shape) -> bool:
    parts, rescale, _ = weights
    square = all(part.dim() == 3 and part.shape[1] == part.shape[2] for part in parts)
    rows = sum(math.prod(part.shape[:2]) for part in parts)
    return square and rows == shape[0] and (rescale is None or rescale.numel() == rows)


def _fits_boft(weights: tuple[Any, ...], shape: Shape) -> bool:
    blocks, rescale, _ = weights
    rounds, count, size, width = blocks.shape
    last = 2 ** (rounds - 1) * size  # rows that the last round mixes
    butterfly = size == width and size % 2 == 0 and count * size == shape[0]
    fits = butterfly and shape[0] % last == 0
    return bool(fits and (rescale is None or rescale.numel() == shape[0]))


def _fits_oft_input(weights: tuple[Any, ...], shape: Shape) -> bool:
    blocks, entries = weights[0].shape
    size, columns = block_size(entries), math.prod(shape[1:])
    return len(shape) > 1 and size > 1 and columns % size == 0 and blocks in {1, columns // size}


def _fits_ia3(weights: tuple[Any, ...], shape: Shape) -> bool:
    scale, on_input = weights
    return bool(scale.numel() == shape[1 if on_input else 0])


def _fits_exactly(weights: tuple[Any, ...], shape: Shape) -> bool:
    return tuple(weights[0].shape) == tuple(shape)


def _is_matrix_of(rows: int, columns: int, shape: Shape) -> bool:
    """The host reshapes silently, so an equal count alone would let a transposed pair through."""
    return len(shape) > 0 and rows == shape[0] and rows * columns == math.prod(shape)


def _fits_dora(dora_scale: torch.Tensor | None, shape: Shape) -> bool:
    """One magnitude per row or per column, with as many dimensions as the weight."""
    if dora_scale is None:
        return True
    ones = (1,) * (len(shape) - 2)
    return tuple(dora_scale.shape) in {(shape[0], 1, *ones), (1, *shape[1:2], *ones)}


_CHECKS: dict[str, Callable[[tuple[Any, ...], Shape], bool]] = {
    "lora": _fits_lora,
    "loha": _fits_loha,
    "lokr": _fits_lokr,
    "glora": _fits_glora,
    "oft": _fits_oft,
    "boft": _fits_boft,
    "oft_input": _fits_oft_input,
    "ia3": _fits_ia3,
    "diff": _fits_exactly,
    "set": _fits_exactly,
}
