"""Sums the low-rank pairs that hit one target into one pair.

`sum_i f_i * up_i @ down_i` is `[f_1 up_1 | f_2 up_2 | ...] @ [down_1; down_2; ...]`: one product
and one addition to the weight instead of one per LoRA, and one rounding instead of many.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from .patches import Patch, Target


@dataclass(frozen=True, slots=True)
class ScaledPatch:
    """A patch with the strength that it is to have: the row's, times the slot's weight."""

    patch: Patch
    strength: float


@dataclass(frozen=True, slots=True)
class LowRank:
    """The sum of several pairs: `scale * up @ down`."""

    up: torch.Tensor
    """[out, rank, ...]"""
    down: torch.Tensor
    """[rank, in, ...]"""
    scale: float
    """The largest factor of the sum; the others are folded in relative to it, so that small
    strengths do not push half-precision values into the subnormal range."""


@dataclass(frozen=True, slots=True)
class PairSum:
    """Several plain pairs of one target, not summed yet: what they come to is as large as they
    are, and only whoever patches the weight needs it."""

    pairs: tuple[ScaledPatch, ...]

    def parts(self) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...], tuple[float, ...]]:
        """Their ups, their downs and their factors: strength times alpha / rank."""
        return (
            tuple(item.patch.weights[0] for item in self.pairs),
            tuple(item.patch.weights[1] for item in self.pairs),
            tuple(item.strength * item.patch.scale for item in self.pairs),
        )


@dataclass(frozen=True, slots=True)
class Wave:
    """Patches that can be handed to the host in one call."""

    strength: float
    patches: dict[Target, Patch | PairSum]


def plan_waves(scaled: Iterable[ScaledPatch]) -> list[Wave]:
    """Orders patches for the host, fusing what is exact to fuse.

    On each weight the order of patches is kept wherever it matters: everything before a patch
    that depends on the weight (`Patch.is_additive` is false) goes before it, the rest after.
    In between, plain pairs of one target become one pair; a target's only pair stays the host's
    own object with its own tensors. Patches of strength 0 must have been left out.
    """
    by_key: dict[str, list[ScaledPatch]] = {}
    for item in scaled:
        by_key.setdefault(item.patch.key, []).append(item)
    waves: dict[tuple[int, float, int], dict[Target, Patch | PairSum]] = {}
    for items in by_key.values():
        for stage, segment in enumerate(_segments(items)):
            for strength, target, value in _fuse_segment(segment):
                turn = 0
                while target in waves.setdefault((stage, strength, turn), {}):
                    turn += 1
                waves[stage, strength, turn][target] = value
    stages = sorted(waves.items(), key=lambda wave: wave[0][0])
    return [Wave(strength, patches) for (_, strength, _), patches in stages]


def fuse_parts(
    ups: Sequence[torch.Tensor], downs: Sequence[torch.Tensor], factors: Sequence[float]
) -> LowRank:
    """Concatenates plain pairs along the rank; their trailing shapes must agree.

    The factors are multiplied in float32 into the side with fewer elements; the other side keeps
    its numbers, and its dtype where all files agree on one. No tensor is changed in place.
    """
    scale = max(factors, key=abs)
    relative = [factor / scale if scale else 0.0 for factor in factors]
    if sum(up.numel() for up in ups) <= sum(down.numel() for down in downs):
        return LowRank(_scaled(ups, relative, 1), _joined(downs, 0), scale)
    return LowRank(_joined(ups, 1), _scaled(downs, relative, 0), scale)


def _segments(items: Sequence[ScaledPatch]) -> list[list[ScaledPatch]]:
    """Splits one weight's patches at those whose place matters; each of these stands alone."""
    segments: list[list[ScaledPatch]] = []
    open_segment: list[ScaledPatch] | None = None
    for item in items:
        if not item.patch.is_additive:
            segments.append([item])
            open_segment = None
        elif open_segment is None:
            segments.append(open_segment := [item])
        else:
            open_segment.append(item)
    return segments


def _fuse_segment(
    segment: Sequence[ScaledPatch],
) -> list[tuple[float, Target, Patch | PairSum]]:
    groups: dict[tuple[object, ...], list[ScaledPatch]] = {}
    steps: list[tuple[float, Target, Patch | PairSum]] = []
    for item in segment:
        patch = item.patch
        if patch.is_plain:
            up, down = patch.weights[:2]
            group = (patch.target, tuple(up.shape[2:]), tuple(down.shape[1:]))
            groups.setdefault(group, []).append(item)
        else:
            steps.append((item.strength, patch.target, patch))
    for pairs in groups.values():
        first = pairs[0]
        if len(pairs) == 1:
            steps.append((first.strength, first.patch.target, first.patch))
        else:
            steps.append((1.0, first.patch.target, PairSum(tuple(pairs))))
    return steps


def _scaled(tensors: Sequence[torch.Tensor], factors: Sequence[float], dim: int) -> torch.Tensor:
    if all(factor == 1.0 for factor in factors):
        return _joined(tensors, dim)
    scaled = [tensor.float() * factor for tensor, factor in zip(tensors, factors, strict=True)]
    return torch.cat(scaled, dim)


def _joined(tensors: Sequence[torch.Tensor], dim: int) -> torch.Tensor:
    dtypes = {tensor.dtype for tensor in tensors}
    if len(dtypes) == 1 and dtypes <= {torch.float32, torch.float16, torch.bfloat16}:
        return torch.cat(list(tensors), dim)
    return torch.cat([tensor.float() for tensor in tensors], dim)
