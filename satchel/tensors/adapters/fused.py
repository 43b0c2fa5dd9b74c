"""The sum of several plain pairs, added to a weight in one step.

    W' = W + scale * sum_i factor_i * up_i @ down_i

in float32 and, for a weight of fewer bits, with one rounding at the end. The pairs lie side by
side along the rank only while that happens, so that a stack is in memory once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from ..threads import rows_for_one_thread

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
    """[factor_1 up_1 | factor_2 up_2 | ...] and [down_1; down_2; ...], the factors on the side
    with fewer numbers; filled in place, since each tensor more costs as much as the product."""
    rank = sum(down.shape[0] for _, down, _ in pairs)
    up = like.new_empty(like.shape[0], rank)
    down = like.new_empty(rank, like.shape[1])
    on_up = up.numel() <= down.numel()
    start = 0
    for one_up, one_down, factor in pairs:
        part = slice(start, start + one_down.shape[0])
        _copy_times(up[:, part], one_up.flatten(1), factor if on_up else 1.0)
        _copy_times(down[part], one_down.flatten(1), 1.0 if on_up else factor)
        start = part.stop
    return up, down


def _copy_times(target: torch.Tensor, source: torch.Tensor, factor: float) -> None:
    """Writes `factor * source`, in the target's dtype, in pieces of one thread."""
    rows = rows_for_one_thread(target)
    for written, read in zip(target.split(rows), source.split(rows), strict=True):
        written.copy_(read)
        if factor != 1:
            written.mul_(factor)
