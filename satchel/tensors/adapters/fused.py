"""The sum of several plain pairs, added to a weight in one step.

    W' = W + scale * sum_i factor_i * up_i @ down_i

in float32 and, for a weight of fewer bits, with one rounding at the end. The pairs lie side by
side along the rank only while that happens, so that a stack is in memory once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy
import torch

from ..threads import columns_in_one_thread, copy_in_one_thread, rows_in_one_thread

RANK_AT_ONCE = 512
"""Ranks that are laid side by side: what that takes stays small beside the weight."""

Pair = tuple[torch.Tensor, torch.Tensor, float]
"""up [out, rank, ...] and down [rank, in, ...] of any dtype, on any device; factor."""


def adds_in_place(
    weight: torch.Tensor, pair: Pair, function: Callable[[torch.Tensor], torch.Tensor]
) -> bool:
    """Whether `add_pairs` can do it: a plain weight that is a matrix without copying.

    `function` is the host's reordering of rows; one that does nothing returns what it gets.
    """
    if type(weight) not in (torch.Tensor, torch.nn.Parameter) or weight.dim() < 2:
        return False  # quantised weights of other packs are subclasses
    up, down, _ = pair
    is_matrix = weight.dim() == 2 or weight.is_contiguous()
    fits = (up.shape[0], down[0].numel()) == (weight.shape[0], weight[0].numel())
    return weight.is_floating_point() and is_matrix and fits and function(weight) is weight


def add_pairs(weight: torch.Tensor, pairs: Sequence[Pair], scale: float) -> torch.Tensor:
    """Adds the scaled sum of pairs to a weight [out, in, ...] in place.

    `adds_in_place` has agreed to it, and the pairs have one shape but for the rank.
    """
    matrix = weight if weight.dim() == 2 else weight.view(weight.shape[0], -1)
    wide = torch.promote_types(weight.dtype, torch.float32)
    total = matrix.to(wide)  # the matrix itself where it is as wide
    for some in _batches(pairs):
        up, down = _side_by_side(some, total)
        total.addmm_(up, down, alpha=scale)
    if total is not matrix:
        matrix.copy_(total)
    return weight


def _batches(pairs: Sequence[Pair]) -> Iterator[list[Pair]]:
    batch: list[Pair] = []
    for pair in pairs:
        if batch and sum(down.shape[0] for _, down, _ in [*batch, pair]) > RANK_AT_ONCE:
            yield batch
            batch = []
        batch.append(pair)
    yield batch


def _side_by_side(pairs: Sequence[Pair], like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[factor_1 up_1 | factor_2 up_2 | ...] and [down_1; down_2; ...], as wide as `like`.

    Filled in pieces, since each tensor more, and each thread more, costs as much as the product.
    """
    ups = [up.to(like.device).flatten(1) for up, _, _ in pairs]
    if len({up.dtype for up in ups}) > 1:
        ups = [up.to(like.dtype) for up in ups]
    ranks = [len(down) for _, down, _ in pairs]
    factors = like.new_tensor(numpy.repeat([factor for _, _, factor in pairs], ranks))
    up = like.new_empty(like.shape[0], len(factors))
    stored = columns_in_one_thread(ups)
    rows = rows_in_one_thread(up)
    for start in range(0, len(up), rows):
        up[start : start + rows].copy_(stored[start : start + rows]).mul_(factors)
    down = like.new_empty(len(factors), like.shape[1])
    start = 0
    for _, one, _ in pairs:
        copy_in_one_thread(down[start : start + len(one)], one.flatten(1))
        start += len(one)
    return up, down
