"""Patches as ComfyUI's adapters, and how a model gets them."""

from __future__ import annotations

import weakref
from typing import Any

import comfy.weight_adapter
import torch

from ...satchel.tensors.adapters import OWN_ADAPTERS, Dora
from ...satchel.tensors.adapters.fused import add_pairs, adds_in_place
from ...satchel.tensors.assemble import Built
from ...satchel.tensors.fuse import PairSum, Wave, fuse_parts
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
    """What the host's `add_patches` takes; the same object for the same patch."""
    if isinstance(value, Patch):
        return value.value
    ups, downs, factors = value.parts()
    key = tuple((id(up), id(down), f) for up, down, f in zip(ups, downs, factors, strict=True))
    known = _SUMS.get(key)
    if known is None:
        known = _SUMS[key] = FusedLora(set(), (ups, downs, factors, None, None, None))
    return known


class FusedLora(comfy.weight_adapter.LoRAAdapter):
    """A sum of plain pairs. Its weights are the host's tuple of one pair, with all ups in the
    place of up, all downs in that of down, and factors instead of alpha: they are the tensors of
    the files, which the host can prefetch one by one, and no copies.
    """

    def calculate_shape(self, key: str) -> None:
        return None

    def calculate_weight(
        self, weight: torch.Tensor, key: str, strength: float, strength_model: float,
        offset: Any, function: Any, *rest: Any, **more: Any,
    ) -> Any:  # fmt: skip
        pairs = list(zip(*self.weights[:3], strict=True))
        if adds_in_place(weight, pairs[0], function):
            return add_pairs(weight, pairs, strength)
        return self._as_pair().calculate_weight(
            weight, key, strength, strength_model, offset, function, *rest, **more
        )

    def h(self, x: torch.Tensor, base_out: torch.Tensor) -> torch.Tensor:
        """What bypass mode adds to a layer's output; it needs one pair, so that stays."""
        if self._pair is None:
            self._pair = self._as_pair(x)
            self._pair.__dict__ |= {
                name: value for name, value in self.__dict__.items()
                if name not in ("weights", "loaded_keys", "_pair")
            }  # fmt: skip
        return self._pair.h(x, base_out)

    _pair: Any = None

    def _as_pair(self, like: torch.Tensor | None = None) -> Any:
        pair = fuse_parts(*self.weights[:3])
        up, down = pair.up, pair.down
        if like is not None:
            up, down = up.to(like), down.to(like)
        alpha = pair.scale * down.shape[0]  # the host divides it by the rank
        return comfy.weight_adapter.LoRAAdapter(set(), (up, down, alpha, None, None, None))


_SUMS: weakref.WeakValueDictionary[tuple[Any, ...], FusedLora] = weakref.WeakValueDictionary()
"""Sums that are in use, by the tensors and factors in them: stacks on two branches share them."""
