"""Wan 2.1 and 2.2.

All 14B models share the blocks; Wan 2.1 I2V adds image keys and values, VACE a second stack.
Wan 2.2 A14B (both noise experts) is Wan 2.1 T2V to a LoRA, its I2V form has a wider input.
"""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_BLOCK = """
{blocks}.<{depth}>.(self_attn|cross_attn).(q|k|v|o) h h
{blocks}.<{depth}>.(self_attn|cross_attn).(norm_q|norm_k) h
{blocks}.<{depth}>.norm3 h
{blocks}.<{depth}>.ffn.0 ff h
{blocks}.<{depth}>.ffn.2 h ff
"""
_DIFFUSERS_BLOCK = """
{blocks}.<{depth}>.(attn1|attn2).(to_q|to_k|to_v|to_out.0) h h
{blocks}.<{depth}>.ffn.net.0.proj ff h
{blocks}.<{depth}>.ffn.net.2 h ff
"""
_NATIVE = """
patch_embedding h patchx1x2x2
text_embedding.0 h 4096
text_embedding.2 h h
time_embedding.0 h 256
time_embedding.2 h h
time_projection.1 6h h
head.head head h
""" + _BLOCK.format(blocks="blocks", depth="B")
_DIFFUSERS = """
patch_embedding h patchx1x2x2
condition_embedder.text_embedder.linear_1 h 4096
condition_embedder.text_embedder.linear_2 h h
condition_embedder.time_embedder.linear_1 h 256
condition_embedder.time_embedder.linear_2 h h
condition_embedder.time_proj 6h h
proj_out head h
""" + _DIFFUSERS_BLOCK.format(blocks="blocks", depth="B")
_IMAGE = """
blocks.<B>.cross_attn.(k_img|v_img) h h
blocks.<B>.cross_attn.norm_k_img h
img_emb.proj.(0|4) ?
img_emb.proj.1 1280 1280
img_emb.proj.3 h 1280
"""
_DIFFUSERS_IMAGE = "blocks.<B>.attn2.(add_k_proj|add_v_proj) h h\n"
_VACE = """
vace_blocks.0.before_proj h h
vace_blocks.<0-7>.after_proj h h
vace_patch_embedding h 96x1x2x2
""" + _BLOCK.format(blocks="vace_blocks", depth="0-7")
_DIFFUSERS_VACE = """
vace_blocks.0.proj_in h h
vace_blocks.<0-7>.proj_out h h
vace_patch_embedding h 96x1x2x2
""" + _DIFFUSERS_BLOCK.format(blocks="vace_blocks", depth="0-7")
_14B = {"h": 5120, "ff": 13824, "B": 40, "head": 64, "patch": 16}


def _wan(
    id_: str,
    title: str,
    sizes: dict[str, int],
    *claims: str,
    family: str = "",
    more: tuple[str, str] = ("", ""),
) -> Architecture:
    layouts = (
        Layout("native", _NATIVE + more[0], sizes),
        Layout("diffusers", _DIFFUSERS + more[1], sizes),
    )
    return Architecture(id_, title, ("umt5xxl",), layouts, family, ("wan", *claims), ("blocks",))


ARCHITECTURES = (
    _wan("wan21_1_3b", "Wan 2.1 1.3B",
         {"h": 1536, "ff": 8960, "B": 30, "head": 64, "patch": 16}, "wan21"),
    _wan("wan21_14b", "Wan 2.1 / 2.2 14B", _14B, "wan21", "wan22", "wan2214b", "wan22t2v",
         family="wan_14b"),
    _wan("wan21_i2v_14b", "Wan 2.1 I2V 14B", {**_14B, "patch": 36}, "wan21", "wan21i2v",
         family="wan_14b", more=(_IMAGE, _DIFFUSERS_IMAGE)),
    _wan("wan22_i2v_14b", "Wan 2.2 I2V 14B", {**_14B, "patch": 36}, "wan22", "wan2214b",
         "wan22i2v", "wan2214bi2v", family="wan_14b"),
    _wan("wan22_5b", "Wan 2.2 5B",
         {"h": 3072, "ff": 14336, "B": 30, "head": 192, "patch": 48}, "wan22", "wan225b"),
    _wan("wan21_vace_14b", "Wan 2.1 VACE 14B", _14B, "wan21", "wan21vace",
         family="wan_14b", more=(_VACE, _DIFFUSERS_VACE)),
)  # fmt: skip
