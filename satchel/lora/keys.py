"""Tensor names of LoRA files, with the dialect taken off.

A name is `<prefix><module path><tail>`: `lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight`
has the prefix `lora_unet_`, the tail `.lora_down.weight` and the flat path
`double_blocks_0_img_attn_qkv`. Dotted and flat dialects give the same flat path. Grammar of the
tails: ComfyUI's `comfy/weight_adapter`, LyCORIS, PEFT and the trainers' own save code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Tail(NamedTuple):
    """What the end of a tensor name says."""

    role: str
    """What the tensor is to its module: `down`, `up`, `alpha`, `hada_w1_a`, `diff` ..."""
    spelling: str
    """Whose way to write it: `updown`, `AB`, `AB_default`, `AB_bare`, `dot`, `linear_layer`,
    `plain`, or "" for roles that all dialects write alike."""


_COMMON_ROLES = (
    "alpha", "dora_scale", "reshape_weight", "diff", "diff_b", "set_weight", "w_norm", "b_norm",
    "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2",
    "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2",
    "oft_blocks", "on_input", "rescale", "magnitude",
)  # fmt: skip
_ONE_PART = {role: Tail(role, "") for role in _COMMON_ROLES} | {
    "lora_magnitude_vector": Tail("magnitude", ""),
    "lora_A": Tail("down", "AB_bare"),
    "lora_B": Tail("up", "AB_bare"),
}
_TWO_PARTS = {
    ("lora_down", "weight"): Tail("down", "updown"),
    ("lora_up", "weight"): Tail("up", "updown"),
    ("lora_mid", "weight"): Tail("mid", "updown"),
    ("lora_A", "weight"): Tail("down", "AB"),
    ("lora_B", "weight"): Tail("up", "AB"),
    ("lora_B", "bias"): Tail("up_bias", "AB"),
    ("lora_up", "bias"): Tail("up_bias", "updown"),
    ("lora_magnitude_vector", "weight"): Tail("magnitude", ""),
    ("oft_R", "weight"): Tail("oft_R", ""),
    ("a1", "weight"): Tail("a1", ""),
    ("a2", "weight"): Tail("a2", ""),
    ("b1", "weight"): Tail("b1", ""),
    ("b2", "weight"): Tail("b2", ""),
    ("down", "weight"): Tail("down", "plain"),
    ("up", "weight"): Tail("up", "plain"),
}
_THREE_PARTS = {
    ("lora_A", "default", "weight"): Tail("down", "AB_default"),
    ("lora_B", "default", "weight"): Tail("up", "AB_default"),
    ("lora", "down", "weight"): Tail("down", "dot"),
    ("lora", "up", "weight"): Tail("up", "dot"),
    ("lora_linear_layer", "down", "weight"): Tail("down", "linear_layer"),
    ("lora_linear_layer", "up", "weight"): Tail("up", "linear_layer"),
}
_LONG = {parts[1:] for parts in _THREE_PARTS}
_IA3_WEIGHT = Tail("weight", "")

_TEXT_ENCODER = (
    r"lora_te[123]?_"
    r"|text_encoders\.\w+\.(?:transformer\.)?(?:model\.)?"
    r"|text_encoder(?:_[234])?\."
    r"|(?:clip_l|clip_g|t5)\.(?:transformer\.)?"
)
_DENOISER = (
    r"diffusion_model\.(?:transformer_[12]\.)?"
    r"|lora_unet__?|oft_unet_|lora_transformer_|lora_prior_unet_|lycoris_"
    r"|(?:unet\.)?base_model\.model\.|transformer\.|unet\."
)
PREFIX = re.compile(f"({_TEXT_ENCODER})|{_DENOISER}")
"""Group 1 is a text encoder's."""


@dataclass(slots=True)
class Module:
    """One adapted module of a file."""

    base: str
    """Its name in the file, without the tail."""
    prefix: str
    """The dialect's prefix, "" when there is none."""
    path: str
    """The flat path: the dots are underscores."""
    is_text_encoder: bool
    tensors: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Role -> shape."""
    spelling: str = ""


def split_tail(name: str) -> tuple[str, Tail] | None:
    """Splits a tensor name into the module's name and the tail; None for a foreign name."""
    head, _, last = name.rpartition(".")
    if last == "weight" or last == "bias" or last.isdigit():
        base, _, middle = head.rpartition(".")
        if (middle, last) in _LONG:
            longer, _, first = base.rpartition(".")
            tail = _THREE_PARTS.get((first, middle, last))
            if tail is not None:
                return longer, tail
        tail = _TWO_PARTS.get((middle, last))
        if tail is not None:
            return base, tail
        if middle == "oft_blocks":  # sd-scripts numbers the parts of a fused weight
            return base, Tail(f"oft_blocks.{last}", "")
        return (head, _IA3_WEIGHT) if last == "weight" else None
    tail = _ONE_PART.get(last)
    return (head, tail) if tail is not None else None


def split_prefix(base: str, spelling: str = "") -> tuple[str, str, bool]:
    """Splits a module's name into prefix, flat path and "is a text encoder's"."""
    match = PREFIX.match(base)
    prefix = match[0] if match else ""
    path = base[len(prefix) :].replace(".", "_")
    if spelling == "plain":
        # Attention processors: `attn1.processor.to_q_lora`, `processor.qkv_lora1` (XLabs).
        path = path.replace("_processor_", "_").removesuffix("_lora")
    return prefix, path.rstrip("_"), bool(match and match[1])


def collect_modules(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> list[Module]:
    """Groups the tensors of a file by the module they adapt, in file order.

    Names that are no adapter's are left out; so is a bare `weight` (a checkpoint's) unless an
    IA3 flag stands beside it.
    """
    modules: dict[str, Module] = {}
    for name, shape in shapes:
        split = split_tail(name)
        if split is None:
            continue
        base, (role, spelling) = split
        module = modules.get(base)
        if module is None:
            module = modules[base] = Module(base, "", "", False)
        module.tensors[role] = shape
        if spelling:
            module.spelling = spelling
    adapted = [module for module in modules.values() if is_adapted(module.tensors)]
    for module in adapted:
        module.prefix, module.path, module.is_text_encoder = split_prefix(
            module.base, module.spelling
        )
    return adapted


def is_adapted(tensors: Mapping[str, object]) -> bool:
    """Whether tensors of these roles change a module."""
    if "weight" in tensors and "on_input" not in tensors:
        return len(tensors) > 1
    # An alpha or a scale alone adapts nothing; OneTrainer's `bundle_emb.*` has no role at all.
    return not tensors.keys() <= {"alpha", "dora_scale", "magnitude", "on_input"}
