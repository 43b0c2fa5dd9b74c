"""The sum of several plain pairs, added to a weight in one step.

    W' = W + scale * up @ down

in float32 and, for a weight of fewer bits, with one rounding at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch


def adds_in_place(
    weight: torch.Tensor,
    up: torch.Tensor,
    down: torch.Tensor,
    function: Callable[[torch.Tensor], torch.Tensor],
) -> bool:
    """Whether `add_product` can do it: a plain weight that is a matrix without copying.

    `function` is the host's reordering of rows; one that does nothing returns what it gets.
    """
    if type(weight) not in (torch.Tensor, torch.nn.Parameter) or weight.dim() < 2:
        return False  # quantised weights of other packs are subclasses
    is_matrix = weight.dim() == 2 or weight.is_contiguous()
    fits = (up.shape[0], down[0].numel()) == (weight.shape[0], weight[0].numel())
    return weight.is_floating_point() and is_matrix and fits and function(weight) is weight


def add_product(
    weight: torch.Tensor, up: torch.Tensor, down: torch.Tensor, scale: float
) -> torch.Tensor:
    """Adds `scale * up @ down` to a weight in place.

    Args:
        weight: [out, in, ...]; `adds_in_place` has agreed to it.
        up: [out, rank, ...] of any dtype, on any device.
        down: [rank, in, ...], too.
    """
    matrix = weight if weight.dim() == 2 else weight.view(weight.shape[0], -1)
    wide = torch.promote_types(weight.dtype, torch.float32)
    total = matrix.to(wide)  # the matrix itself where it is as wide
    total.addmm_(
        up.to(weight.device, wide).flatten(1), down.to(weight.device, wide).flatten(1), alpha=scale
    )
    if total is not matrix:
        matrix.copy_(total)
    return weight
