"""ComfyUI's module names as diffusers spells them; a fused weight has several names.

Sources: diffusers' `scripts/convert_*_to_diffusers.py`, and the key lists of real files.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .inventory import SD_UNETS, Weight


class Spelled(NamedTuple):
    """One name, and the rows of the weight that it stands for."""

    name: str
    start: int
    length: int


def whole(name: str, weight: Weight) -> list[Spelled]:
    return [Spelled(name, 0, weight.shape[0])]


def in_parts(names: list[str], lengths: list[int]) -> list[Spelled]:
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return [Spelled(*item) for item in zip(names, starts, lengths, strict=True)]


def thirds(prefix: str, names: str, weight: Weight) -> list[Spelled]:
    parts = [prefix + name for name in names.split()]
    return in_parts(parts, [weight.shape[0] // len(parts)] * len(parts))


def diffusers_names(architecture: str, weight: Weight) -> list[Spelled]:
    """A module's names; empty where diffusers has no counterpart."""
    for pattern, spell in _FAMILIES:
        if re.fullmatch(pattern, architecture):
            return spell(architecture, weight)
    return whole(weight.name, weight)  # Qwen, LTX, HiDream, Omnigen2, Ernie: the same names


_RESNET = {
    "in_layers.2": "conv1", "out_layers.3": "conv2", "emb_layers.1": "time_emb_proj",
    "skip_connection": "conv_shortcut", "in_layers.0": "norm1", "out_layers.0": "norm2",
}  # fmt: skip


def unet_name(architecture: str, name: str) -> str:
    """A module of an SD UNet under diffusers."""
    if name == "out.0":
        return "conv_norm_out"
    match = re.match(r"(input|output|middle)_block(?:s\.(\d+))?\.(\d+)(?:\.(.*))?$", name)
    assert match is not None, name
    side, number, part, rest = match[1], int(match[2] or 0), int(match[3]), match[4] or ""
    if side == "middle":
        container = ("resnets.0", "attentions.0", "resnets.1")[part]
        return f"mid_block.{container}.{_RESNET.get(rest, rest)}"
    per_level = 3
    level, index = divmod(number - 1 if side == "input" else number, per_level)
    if side == "input" and rest == "op":
        return f"down_blocks.{level}.downsamplers.0.conv"
    if side == "output" and rest == "conv":
        return f"up_blocks.{level}.upsamplers.0.conv"
    block = "down_blocks" if side == "input" else "up_blocks"
    kind = ("resnets", "attentions")[part]
    return f"{block}.{level}.{kind}.{index}.{_RESNET.get(rest, rest)}"


def _unet(architecture: str, weight: Weight) -> list[Spelled]:
    return whole(unet_name(architecture, weight.name), weight)


def _flux(architecture: str, weight: Weight) -> list[Spelled]:
    second = architecture.startswith("flux2")  # FLUX.2 renamed the feed-forward layers
    double = re.match(r"double_blocks\.(\d+)\.(.*)$", weight.name)
    single = re.match(r"single_blocks\.(\d+)\.(.*)$", weight.name)
    if double:
        block, rest = f"transformer_blocks.{double[1]}.", double[2]
        if rest == "img_attn.qkv":
            return thirds(f"{block}attn.", "to_q to_k to_v", weight)
        if rest == "txt_attn.qkv":
            return thirds(f"{block}attn.", "add_q_proj add_k_proj add_v_proj", weight)
        up, down = ("linear_in", "linear_out") if second else ("net.0.proj", "net.2")
        names = {
            "img_attn.proj": "attn.to_out.0", "txt_attn.proj": "attn.to_add_out",
            "img_mod.lin": "norm1.linear", "txt_mod.lin": "norm1_context.linear",
            "img_mlp.0": f"ff.{up}", "img_mlp.2": f"ff.{down}",
            "txt_mlp.0": f"ff_context.{up}", "txt_mlp.2": f"ff_context.{down}",
        }  # fmt: skip
        return whole(block + names[rest], weight)
    if single:
        block, width = f"single_transformer_blocks.{single[1]}.", weight.shape[1]
        if single[2] == "linear1" and second:
            return whole(f"{block}attn.to_qkv_mlp_proj", weight)
        if single[2] == "linear1":
            names_ = [block + n for n in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")]
            return in_parts(names_, [width] * 3 + [weight.shape[0] - 3 * width])
        last = "attn.to_out" if second else "proj_out"
        rename = {"linear2": last, "modulation.lin": "norm.linear"}
        return whole(block + rename[single[2]], weight)
    return []


def _sd3(architecture: str, weight: Weight) -> list[Spelled]:
    match = re.match(r"joint_blocks\.(\d+)\.(x|context)_block\.(.*)$", weight.name)
    if not match:
        return []
    block, image, rest = f"transformer_blocks.{match[1]}.", match[2] == "x", match[3]
    if rest == "attn.qkv":
        names = "to_q to_k to_v" if image else "add_q_proj add_k_proj add_v_proj"
        return thirds(f"{block}attn.", names, weight)
    if rest == "attn2.qkv":
        return thirds(f"{block}attn2.", "to_q to_k to_v", weight)
    side = "" if image else "_context"
    names_ = {
        "attn.proj": "attn.to_out.0" if image else "attn.to_add_out",
        "attn2.proj": "attn2.to_out.0",
        "mlp.fc1": f"ff{side}.net.0.proj", "mlp.fc2": f"ff{side}.net.2",
        "adaLN_modulation.1": f"norm1{side}.linear",
    }  # fmt: skip
    return whole(block + names_[rest], weight)


def _replaced(*pairs: tuple[str, str]):
    """A speller that replaces regular expressions in turn."""

    def spell(architecture: str, weight: Weight) -> list[Spelled]:
        name = weight.name
        for old, new in pairs:
            name = re.sub(old, new, name)
        return whole(name, weight)

    return spell


_wan = _replaced(
    ("self_attn", "attn1"), ("cross_attn", "attn2"), (r"(attn\d)\.([qkv])$", r"\1.to_\2"),
    (r"(attn\d)\.o$", r"\1.to_out.0"), (r"(attn\d)\.([kv])_img$", r"\1.add_\2_proj"),
    (r"ffn\.0", "ffn.net.0.proj"), (r"ffn\.2", "ffn.net.2"),
)  # fmt: skip
_cosmos = _replaced(
    (r"^blocks", "transformer_blocks"), ("self_attn", "attn1"), ("cross_attn", "attn2"),
    ("output_proj", "to_out.0"), (r"\.([qkv])_proj$", r".to_\1"),
    (r"mlp\.layer1", "ff.net.0.proj"), (r"mlp\.layer2", "ff.net.2"),
)  # fmt: skip
_krea2 = _replaced(
    ("txtfusion", "text_fusion"), (r"attn\.w([qkv])$", r"attn.to_\1"),
    (r"attn\.wo$", "attn.to_out.0"), (r"attn\.gate$", "attn.to_gate"), (r"\.mlp\.", ".ff."),
    (r"^blocks\.", "transformer_blocks."),
)  # fmt: skip


def _z_image(architecture: str, weight: Weight) -> list[Spelled]:
    if weight.name.endswith(".attention.qkv"):
        return thirds(weight.name.removesuffix("qkv"), "to_q to_k to_v", weight)
    return whole(weight.name.replace("attention.out", "attention.to_out.0"), weight)


def _lumina2(architecture: str, weight: Weight) -> list[Spelled]:
    block, fused, _ = weight.name.partition(".attention.qkv")
    if fused:
        parts = [f"{block}.attn.{name}" for name in ("to_q", "to_k", "to_v")]
        return in_parts(parts, [2304, 768, 768])
    name = re.sub(r"feed_forward\.w(\d)", r"feed_forward.linear_\1", weight.name)
    name = name.replace("attention.out", "attn.to_out.0")
    return whole(name.replace("adaLN_modulation.1", "norm1.linear"), weight)


def _auraflow(architecture: str, weight: Weight) -> list[Spelled]:
    match = re.match(r"(double|single)_layers\.(\d+)\.(.*)$", weight.name)
    if not match:
        return []
    double = match[1] == "double"
    block = f"{'joint' if double else 'single'}_transformer_blocks.{match[2]}."
    names = {"modX.1": "norm1.linear", "modC.1": "norm1_context.linear", "modCX.1": "norm1.linear"}
    for ours, theirs in (("mlpX", "ff"), ("mlpC", "ff_context"), ("mlp", "ff")):
        names |= {f"{ours}.c_fc1": f"{theirs}.linear_1", f"{ours}.c_fc2": f"{theirs}.linear_2",
                  f"{ours}.c_proj": f"{theirs}.out_projection"}  # fmt: skip
    image = ("to_q", "to_k", "to_v", "to_out.0")
    text = ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
    for ours, theirs_ in (("w2", image), ("w1", text)) if double else (("w1", image),):
        names |= {f"attn.{ours}{c}": f"attn.{n}" for c, n in zip("qkvo", theirs_, strict=True)}
    return whole(block + names[match[3]], weight)


def _hunyuan(architecture: str, weight: Weight) -> list[Spelled]:
    # The same as FLUX.1: HunyuanVideo took its blocks over.
    return _flux("flux_dev", weight)


def _pixart(architecture: str, weight: Weight) -> list[Spelled]:
    match = re.match(r"blocks\.(\d+)\.(.*)$", weight.name)
    assert match is not None
    block, rest = f"transformer_blocks.{match[1]}.", match[2]
    if rest == "attn.qkv":
        return thirds(f"{block}attn1.", "to_q to_k to_v", weight)
    if rest == "cross_attn.kv_linear":
        return thirds(f"{block}attn2.", "to_k to_v", weight)
    names = {
        "attn.proj": "attn1.to_out.0", "cross_attn.q_linear": "attn2.to_q",
        "cross_attn.proj": "attn2.to_out.0", "mlp.fc1": "ff.net.0.proj", "mlp.fc2": "ff.net.2",
    }  # fmt: skip
    return whole(block + names[rest], weight)


def _ideogram4(architecture: str, weight: Weight) -> list[Spelled]:
    if weight.name.endswith(".attention.qkv"):
        return thirds(weight.name.removesuffix("qkv"), "to_q to_k to_v", weight)
    return whole(re.sub(r"attention\.o$", "attention.to_out.0", weight.name), weight)


_FAMILIES = (
    ("|".join(SD_UNETS), _unet), ("flux.*|chroma.*", _flux), ("sd3.*", _sd3), ("wan.*", _wan),
    ("z_image", _z_image), ("lumina2", _lumina2), ("auraflow", _auraflow),
    ("anima|cosmos.*", _cosmos), ("hunyuan.*", _hunyuan), ("pixart_sigma", _pixart),
    ("krea2", _krea2), ("ideogram4", _ideogram4),
)  # fmt: skip
