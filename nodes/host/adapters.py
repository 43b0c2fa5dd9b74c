"""Patches as ComfyUI's adapters, and how a model gets them."""

from __future__ import annotations

from typing import Any

import comfy.weight_adapter
import torch

from ...satchel.tensors.adapters import OWN_ADAPTERS, Dora
from ...satchel.tensors.adapters.fused import add_product, adds_in_place
from ...satchel.tensors.assemble import Built
from ...satchel.tensors.fuse import PairSum, Wave
from ...satchel.tensors.patches import DORA_PLACES, Patch, Target

APPLIED = "satchel_lora_stack"
"""Attachment of a patcher: ids of the stack entries that its patches come from."""


def host_patch(target: Target, value: Any) -> Patch:
    """What the host's loader made of one target."""
    if not isinstance(value, comfy.weight_adapter.WeightAdapterBase):
        algorithm, weights = value
        return Patch(target, algorithm, tuple(weights), value)
    weights = tuple(value.weights)
    place = DORA_PLACES[value.name]
    if weights[place] is not None:
        inner = (*weights[:place], None, *weights[place + 1 :])
        return Patch(target, value.name, weights, _own_adapter(
            "dora", (value.name, inner, weights[place])
        ))  # fmt: skip
    return Patch(target, value.name, weights, value)


def own_patch(built: Built) -> Patch:
    """What the host's loader does not make."""
    if built.algorithm == "diff":
        return Patch(built.target, "diff", built.weights, ("diff", built.weights))
    adapter = _own_adapter(built.algorithm, built.weights)
    return Patch(built.target, built.algorithm, built.weights, adapter)


def _own_adapter(name: str, weights: tuple[Any, ...]) -> Any:
    return _OWN_CLASSES[name](set(), weights)


_OWN_CLASSES: dict[str, type] = {
    own.name: type(own.__name__, (own, comfy.weight_adapter.WeightAdapterBase), {})
    for own in OWN_ADAPTERS
}
"""Satchel's adapters as the host knows adapters."""
Dora.inner_adapters = {adapter.name: adapter for adapter in comfy.weight_adapter.adapters}


def applied_entries(patcher: Any) -> frozenset[str]:
    """Ids of the stack entries that a patcher's patches come from."""
    return patcher.get_attachment(APPLIED) or frozenset()


def add_waves(
    patcher: Any, waves: list[Wave], entry_ids: frozenset[str], metadata: dict[str, str]
) -> None:
    """Hands patches to a clone, in order; one call per wave, since each call lists all weights."""
    for wave in waves:
        patcher.add_patches(
            {target: host_adapter(value) for target, value in wave.patches.items()}, wave.strength
        )
    patcher.set_attachments(APPLIED, applied_entries(patcher) | entry_ids)
    if metadata:
        patcher.set_attachments("lora_metadata", metadata)  # as the core's loader does


def host_adapter(value: Patch | PairSum) -> Any:
    """What the host's `add_patches` takes."""
    return value.value if isinstance(value, Patch) else FusedLora(set(), value.weights)


class FusedLora(comfy.weight_adapter.LoRAAdapter):
    """A sum of plain pairs, as the host's own adapter of one pair.

    Takes the host's tuple of weights, or a function that returns it: patching calls that and
    keeps nothing, and only who asks for `weights` (prefetch, bypass) makes it stay.
    """

    @property
    def weights(self) -> Any:
        if callable(self._weights):
            self._weights = self._weights()
        return self._weights

    @weights.setter
    def weights(self, weights: Any) -> None:
        self._weights = weights

    def calculate_shape(self, key: str) -> None:
        return None  # the host's looks into the weights for a reshape

    def calculate_weight(
        self, weight: torch.Tensor, key: str, strength: float, strength_model: float,
        offset: Any, function: Any, *rest: Any, **more: Any,
    ) -> Any:  # fmt: skip
        up, down, alpha = (self._weights() if callable(self._weights) else self._weights)[:3]
        if adds_in_place(weight, up, down, function):
            return add_product(weight, up, down, strength * alpha / down.shape[0])
        return super().calculate_weight(
            weight, key, strength, strength_model, offset, function, *rest, **more
        )
