"""The sum of several plain pairs, added to a weight in one step.

    W' = W + scale * sum_i factor_i * up_i @ down_i

in float32 and, for a weight of fewer bits, with one rounding at the end. The pairs lie side by
side along the rank only while that happens, so that a stack is in memory once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy
import torch

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

    In few steps on large tensors: small ones cost as much as the product, above all on a machine
    with other work, where each step waits for all threads.
    """
    up = _joined([up for up, _, _ in pairs], 1, like)
    down = _joined([down for _, down, _ in pairs], 0, like)
    ranks = [len(down) for _, down, _ in pairs]
    factors = like.new_tensor(numpy.repeat([factor for _, _, factor in pairs], ranks))
    if up.numel() <= down.numel():
        up.mul_(factors)
    else:
        down.mul_(factors.unsqueeze(1))
    return up, down


def _joined(tensors: Sequence[torch.Tensor], dim: int, like: torch.Tensor) -> torch.Tensor:
    """Concatenates tensors as matrices of `like`'s dtype on its device; a copy in any case."""
    matrices = [tensor.to(like.device).flatten(1) for tensor in tensors]
    if len({matrix.dtype for matrix in matrices}) > 1:
        matrices = [matrix.to(like.dtype) for matrix in matrices]
    if like.device.type != "cpu":
        return torch.cat(matrices, dim).to(like.dtype)
    # NumPy copies rows in one go, torch number by number. It has no bfloat16: as integers.
    stored = matrices[0].dtype
    parts = [matrix.view(_BITS[stored.itemsize]).numpy() for matrix in matrices]
    return torch.from_numpy(numpy.concatenate(parts, dim)).view(stored).to(like.dtype)


_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
