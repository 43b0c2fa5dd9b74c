"""The weights of a connected model: their names, shapes and values."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import comfy.lora
import comfy.model_patcher
import torch

from ...satchel.lora.renames.key_map import MODEL_PREFIX, KeyMap
from ...satchel.tensors.fuse import ScaledPatch
from ...satchel.tensors.patches import Shape, Target


def lora_key_map(model: Any, clip: Any) -> KeyMap:
    """The host's names of LoRA modules -> targets, for what is connected."""
    # The host's functions have a mutable default argument: maps of other models would leak in.
    names: dict[str, Target] = {}
    if model is not None:
        names = comfy.lora.model_lora_keys_unet(model.model, names)
    if clip is not None:
        names = comfy.lora.model_lora_keys_clip(clip.cond_stage_model, names)

    @cache
    def shapes() -> dict[str, Shape | None]:
        found = {} if model is None else weight_shapes(model, MODEL_PREFIX)
        return found if clip is None else found | weight_shapes(clip.patcher)

    return KeyMap(names, lambda key: shapes().get(key), _model_file(model))


def _model_file(model: Any) -> str:
    """Name of the file that a model was loaded from; "" where its loader did not say."""
    _, arguments, *_ = getattr(model, "cached_patcher_init", None) or (None, ())
    first = arguments[0] if arguments else ""
    return Path(first).name if isinstance(first, str) else ""


def weight_shapes(patcher: Any, prefix: str = "") -> dict[str, Shape | None]:
    """State-dict key -> shape that a new patch will meet; None where the storage does not tell.

    Only keys that start with `prefix`: a diffusion model's dict holds its noise schedule too.

    The model in memory may be patched by another clone at the moment, so backups come first;
    patches that are already queued may reshape.
    """
    shapes: dict[str, Shape | None] = {}
    for key, live in patcher.model.state_dict().items():
        if not key.startswith(prefix):
            continue
        backup = patcher.backup.get(key)
        weight = live if backup is None else backup.weight
        queued = patcher.patches.get(key, [])
        # Quantised weights of other packs are packed into integers.
        known = weight.is_floating_point()
        shapes[key] = tuple(comfy.lora.calculate_shape(queued, weight, key)) if known else None
    return shapes


def dense_change(patcher: Any, item: ScaledPatch) -> torch.Tensor:
    """What one patch adds to its whole weight without other patches, as [out, in * kernel]."""
    key = item.patch.key
    weight, _, convert = comfy.model_patcher.get_key_weight(patcher.model, key)
    backup = patcher.backup.get(key)
    weight = (weight if backup is None else backup.weight).to("cpu", torch.float32, copy=True)
    if convert is not None:
        weight = convert(weight, inplace=True)
    if item.patch.is_additive:
        weight.zero_()  # it does not matter, and the difference is exact
    before = weight.clone()
    target = item.patch.target
    offset, function = (None, None) if isinstance(target, str) else (*target[1:], None)[:2]
    patch = (item.strength, item.patch.value, 1.0, offset, function)
    after = comfy.lora.calculate_weight([patch], weight, key)
    return (after - before).reshape(before.shape[0], -1)


class TextEncoder:
    """As much of a CLIP as can be seen from the patcher that hooks get."""

    def __init__(self, patcher: Any) -> None:
        self.patcher = patcher
        self.cond_stage_model = patcher.model
