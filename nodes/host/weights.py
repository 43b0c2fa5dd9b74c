"""The weights of a connected model: their names, shapes and values."""

from __future__ import annotations

import operator
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import comfy.lora
import comfy.model_patcher
import torch

from ...satchel.lora.renames.key_map import KeyMap
from ...satchel.tensors.fuse import ScaledPatch
from ...satchel.tensors.patches import Shape, Target


def lora_key_map(model: Any, clip: Any, shapes: Mapping[str, Shape | None]) -> KeyMap:
    """The host's names of LoRA modules -> targets, for what is connected.

    Args:
        shapes: of `weight_shapes`, for all that is connected.
    """
    sides: list[tuple[Any, Callable[[Any, Any], Any]]] = []
    if model is not None:
        sides.append((model.model, comfy.lora.model_lora_keys_unet))
    if clip is not None:
        sides.append((clip.cond_stage_model, comfy.lora.model_lora_keys_clip))
    names = [_names(module, list_names, shapes) for module, list_names in sides]
    file = _model_file(model)
    for known_names, known_shapes, known in _KEY_MAPS:
        same = len(known_names) == len(names) and all(map(operator.is_, known_names, names))
        if same and known.model_file == file and known_shapes == shapes:
            return known
    shapes = dict(shapes)
    key_map = KeyMap({name: target for side in names for name, target in side.items()},
                     shapes.get, file)  # fmt: skip
    _KEY_MAPS.append((names, shapes, key_map))
    return key_map


_KEY_MAPS: deque[tuple[list[Any], dict[str, Shape | None], KeyMap]] = deque(maxlen=4)
"""The last ones: finding them out takes longer than all else in a node whose files are known."""
_NAMES: weakref.WeakKeyDictionary[Any, tuple[list[str], dict[str, Target]]] = (
    weakref.WeakKeyDictionary()
)
"""Model -> its weights' keys, and the host's names for them."""


def _names(module: Any, list_names: Callable[[Any, Any], Any], keys: Iterable[str]) -> Any:
    """What the host's function says about a model, as long as the model has the same weights."""
    keys = list(keys)
    known = _NAMES.get(module)
    if known is None or known[0] != keys:
        # The functions have a mutable default argument: names of other models would leak in.
        known = _NAMES[module] = (keys, list_names(module, {}))
    return known[1]


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
        if not weight.is_floating_point():
            shapes[key] = None
        elif queued:
            shapes[key] = tuple(comfy.lora.calculate_shape(queued, weight, key))
        else:
            shapes[key] = tuple(weight.shape)
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
