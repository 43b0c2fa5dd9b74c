"""A LoRA file, matched with the connected models."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..lora.module_names import modules_of
from .fuse import ScaledPatch
from .patches import Patch, Shape, Target, slice_shape


@dataclass(frozen=True)
class LoadedLora:
    """A LoRA file after the host has matched it with the connected models.

    It is kept as long as its file, so what does not depend on strengths is found out once.
    """

    tensors: frozenset[str]
    """Names of all tensors in the file."""
    used: frozenset[str]
    """Names of those that the host's loader took."""
    targets: Mapping[str, Target]
    """Module name -> target: what the models have of this file."""
    patches: Mapping[Target, Patch]
    notes: tuple[str, ...] = ()
    """What the report should say about the file as a whole."""
    realize: Callable[[Collection[Target]], Mapping[Target, Patch]] | None = None
    """Gives patches with their numbers for some targets at least; None where `patches` have them.
    """

    _fits: dict[tuple[Target, Shape], bool] = field(default_factory=dict)

    @cached_property
    def modules(self) -> frozenset[str]:
        """All modules of the file."""
        return frozenset(modules_of(self.tensors))

    @cached_property
    def matched(self) -> frozenset[str]:
        """Those that have a target."""
        return frozenset(modules_of(self.used) & self.targets.keys())

    def fits(self, target: Target, shape: Shape) -> bool:
        """Whether the patch of a target can be added to a weight of this shape."""
        known = self._fits.get((target, shape))
        if known is None:
            known = self.patches[target].fits(slice_shape(target, shape))
            self._fits[target, shape] = known
        return known

    def with_numbers(self, scaled: Sequence[ScaledPatch]) -> list[ScaledPatch]:
        """The same patches of this file with all that patching needs, read now if need be."""
        if self.realize is None:
            return list(scaled)
        real = self.realize([item.patch.target for item in scaled])
        return [ScaledPatch(real[item.patch.target], item.strength) for item in scaled]
