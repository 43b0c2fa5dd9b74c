"""How each trainer spells the modules that it adapts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .diffusers_names import Spelled, diffusers_names, thirds, unet_name, whole
from .inventory import Weight

KOHYA = ("{}.lora_down.weight", "{}.lora_up.weight", True)
"""Style of a pair: the names of down and up, and whether there is an alpha."""
PEFT = ("{}.lora_A.weight", "{}.lora_B.weight", False)
PEFT_DEFAULT = ("{}.lora_A.default.weight", "{}.lora_B.default.weight", False)
PLAIN = ("{}.down.weight", "{}.up.weight", False)
DOT = ("{}.lora.down.weight", "{}.lora.up.weight", False)
PROCESSOR = ("{}_lora.down.weight", "{}_lora.up.weight", False)
LINEAR_LAYER = ("{}.lora_linear_layer.down.weight", "{}.lora_linear_layer.up.weight", False)
Style = tuple[str, str, bool]
Speller = Callable[[str, Weight], list[Spelled]]


@dataclass(frozen=True)
class EncoderStyle:
    """How a text encoder's modules are spelled."""

    prefix: str
    flat: bool
    style: Style
    processors: bool = False
    """diffusers up to 0.22: `to_q` for `q_proj`, attention only."""

    def name(self, module: str) -> str | None:
        if self.processors and ".mlp." in module:
            return None
        if self.processors:
            module = re.sub(r"self_attn\.(q|k|v|out)_proj", r"self_attn.to_\1", module)
        return self.prefix + (flat(module) if self.flat else module)


@dataclass(frozen=True)
class Dialect:
    spell: Speller
    style: Style
    encoders: Mapping[str, EncoderStyle] = field(default_factory=dict)


def flat(name: str) -> str:
    return name.replace(".", "_")


def tencent(name: str) -> str:
    """Tencent's own names in HunyuanVideo; diffusion-pipe and musubi-tuner keep them."""
    for ours, theirs in (("_mod.lin", "_mod.linear"), ("modulation.lin", "modulation.linear"),
                         ("_attn.qkv", "_attn_qkv"), ("_attn.proj", "_attn_proj"),
                         ("mlp.0", "mlp.fc1"), ("mlp.2", "mlp.fc2")):  # fmt: skip
        name = name.replace(ours, theirs)
    return name


def _diffusers(prefix: str, flatten: bool = False) -> Speller:
    def spell(architecture: str, weight: Weight) -> list[Spelled]:
        return [
            Spelled(prefix + (flat(name) if flatten else name), start, length)
            for name, start, length in diffusers_names(architecture, weight)
        ]

    return spell


def _native(prefix: str, rename: Callable[[str], str] = str, flatten: bool = False) -> Speller:
    def spell(architecture: str, weight: Weight) -> list[Spelled]:
        name = rename(weight.name)
        return whole(prefix + (flat(name) if flatten else name), weight)

    return spell


def _kohya(architecture: str, weight: Weight) -> list[Spelled]:
    if architecture in {"sd15", "sd21"}:
        return whole(f"lora_unet_{flat(unet_name(architecture, weight.name))}", weight)
    return whole(f"lora_unet_{flat(weight.name)}", weight)


def _musubi(architecture: str, weight: Weight) -> list[Spelled]:
    name = weight.name
    if architecture == "hunyuan_video_15" and name.endswith("_attn.qkv"):
        return thirds(f"lora_unet_{flat(name.removesuffix('.qkv'))}_", "q k v", weight)
    if architecture.startswith("hunyuan"):
        return whole(f"lora_unet_{flat(tencent(name))}", weight)
    if architecture == "z_image":
        left_out = re.search("refiner|modulation", name)
        return [] if left_out else _diffusers("lora_unet_", True)(architecture, weight)
    if re.search(r"_mod\.|modulation", name) and not architecture.startswith("wan"):
        return []
    return _kohya(architecture, weight)


def _musubi_converted(architecture: str, weight: Weight) -> list[Spelled]:
    rename = tencent if architecture.startswith("hunyuan") else _attention_joined
    return _native("diffusion_model.", rename)(architecture, weight)


def _attention_joined(name: str) -> str:
    return name.replace("_attn.", "_attn_")


def _omi(architecture: str, weight: Weight) -> list[Spelled]:
    if not architecture.startswith("flux"):
        return whole(f"unet.{weight.name}", weight)
    parts = diffusers_names(architecture, weight)
    if len(parts) > 1:
        return [Spelled(f"transformer.{weight.name}.{i}", part.start, part.length)
                for i, part in enumerate(parts)]  # fmt: skip
    return whole(f"transformer.{weight.name}", weight)


def _xlabs(architecture: str, weight: Weight) -> list[Spelled]:
    match = re.match(r"double_blocks\.(\d+)\.(img|txt)_attn\.(qkv|proj)$", weight.name)
    if not match:
        return []
    side = 1 if match[2] == "img" else 2
    return whole(f"double_blocks.{match[1]}.processor.{match[3]}_lora{side}", weight)


def _uso(architecture: str, weight: Weight) -> list[Spelled]:
    match = re.match(r"single_blocks\.(\d+)\.linear([12])$", weight.name)
    if not match:
        return _xlabs(architecture, weight)
    if match[2] == "1":
        name = f"single_blocks.{match[1]}.processor.qkv_lora"
        return [Spelled(name, 0, 3 * weight.shape[1])]
    return whole(f"single_blocks.{match[1]}.processor.proj_lora", weight)


def _processors(architecture: str, weight: Weight) -> list[Spelled]:
    name = unet_name(architecture, weight.name)
    if not re.search(r"attn[12]\.to_", name):
        return []
    name = re.sub(r"\.to_(q|k|v|out)(\.0)?$", r".processor.to_\1", name)
    return whole(f"unet.{name}", weight)


_TE_KOHYA = {
    "clip_l": EncoderStyle("lora_te1_", True, KOHYA),
    "clip_g": EncoderStyle("lora_te2_", True, KOHYA),
    "t5xxl": EncoderStyle("lora_te3_", True, KOHYA),
}
_TE_COMFY_PATHS = {
    "clip_l": "clip_l.transformer.", "clip_g": "clip_g.transformer.",
    "clip_h": "clip_h.transformer.", "t5xxl": "t5xxl.transformer.",
    "qwen3_06b": "qwen3_06b.transformer.model.",
}  # fmt: skip


def _te_comfy(style: Style) -> dict[str, EncoderStyle]:
    return {encoder: EncoderStyle(f"text_encoders.{path}", False, style)
            for encoder, path in _TE_COMFY_PATHS.items()}  # fmt: skip


def _te_diffusers(style: Style) -> dict[str, EncoderStyle]:
    return {"clip_l": EncoderStyle("text_encoder.", False, style),
            "clip_g": EncoderStyle("text_encoder_2.", False, style)}  # fmt: skip


DIALECTS: dict[str, Dialect] = {
    "kohya": Dialect(_kohya, KOHYA, _TE_KOHYA),
    "kohya_difnames": Dialect(_diffusers("lora_unet_", True), KOHYA, _TE_KOHYA),
    "comfy": Dialect(_native("diffusion_model."), PEFT, _te_comfy(PEFT)),
    "comfy_updown": Dialect(_native("diffusion_model."), KOHYA, _te_comfy(KOHYA)),
    "diffusers": Dialect(_diffusers("transformer."), PEFT, _te_diffusers(PEFT)),
    "diffusers_comfyprefix": Dialect(_diffusers("diffusion_model."), PEFT),
    "diffusers_bare": Dialect(_diffusers(""), PEFT_DEFAULT),
    "native_bare": Dialect(_native(""), PEFT),
    "native_bare_default": Dialect(_native(""), PEFT_DEFAULT),
    "transformer_native": Dialect(_native("transformer."), PEFT),
    "peft_base": Dialect(_diffusers("base_model.model."), PEFT),
    "fal_kontext": Dialect(_native("base_model.model."), PEFT),
    "onetrainer": Dialect(_diffusers("lora_transformer_", True), KOHYA, _TE_KOHYA),
    "onetrainer_dotted": Dialect(_diffusers("transformer."), KOHYA),
    "omi": Dialect(_omi, KOHYA, {
        "clip_l": EncoderStyle("clip_l.", False, KOHYA),
        "clip_g": EncoderStyle("clip_g.", False, KOHYA),
        "t5xxl": EncoderStyle("t5.", False, KOHYA),
    }),
    "lycoris": Dialect(_diffusers("lycoris_", True), KOHYA),
    "musubi": Dialect(_musubi, KOHYA),
    "musubi_conv": Dialect(_musubi_converted, PEFT),
    "zimage_dunder": Dialect(_diffusers("lora_unet__", True), KOHYA),
    "xlabs": Dialect(_xlabs, PLAIN),
    "uso": Dialect(_uso, PLAIN),
    "bfl_control": Dialect(_native(""), PEFT),
    "wan_fun": Dialect(_native("lora_unet__", flatten=True), KOHYA),
    "diffusers_old": Dialect(_processors, PROCESSOR, {
        "clip_l": EncoderStyle("text_encoder.", False, PROCESSOR, processors=True),
    }),
    "diffusers_peft_unet": Dialect(_diffusers("unet."), DOT, _te_diffusers(LINEAR_LAYER)),
    "diffusers_peft_unetAB": Dialect(_diffusers("unet."), PEFT),
    "hunyuan_native": Dialect(_native("transformer.", tencent), PEFT),
}  # fmt: skip


def encoder_style(dialect: str, architecture: str, encoder: str) -> EncoderStyle | None:
    """The spelling of one text encoder; None when the trainer does not write it."""
    if dialect == "kohya" and architecture in {"sd15", "sd21", "anima"}:
        return EncoderStyle("lora_te_", True, KOHYA)
    if dialect == "onetrainer" and encoder == "t5xxl" and architecture.startswith("flux"):
        return EncoderStyle("lora_te2_", True, KOHYA)
    if dialect == "onetrainer" and encoder == "t5xxl" and architecture == "chroma":
        return EncoderStyle("lora_te1_", True, KOHYA)
    return DIALECTS[dialect].encoders.get(encoder)
