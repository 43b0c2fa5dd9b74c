"""Ideogram 4."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_COMMON = """
input_proj h 128
llm_cond_norm 53248
llm_cond_proj h 53248
t_embedding.(mlp_in|mlp_out) h h
adaln_proj 512 h
layers.<L>.feed_forward.(w1|w3) ff h
layers.<L>.feed_forward.w2 h ff
layers.<L>.(attention_norm1|attention_norm2|ffn_norm1|ffn_norm2) h
layers.<L>.adaln_modulation 4h 512
final_layer.linear 128 h
final_layer.adaln_modulation h 512
"""
_NATIVE = (
    _COMMON
    + """
embed_image_indicator 2 h
layers.<L>.attention.qkv 3h h
layers.<L>.attention.o h h
layers.<L>.attention.(norm_q|norm_k) 256
"""
)
_DIFFUSERS = _COMMON + "layers.<L>.attention.(to_q|to_k|to_v|to_out.0) h h\n"
_SIZES = {"h": 4608, "ff": 12288, "L": 34}

ARCHITECTURES = (
    Architecture(
        "ideogram4",
        "Ideogram 4",
        ("qwen3vl_8b",),
        (Layout("native", _NATIVE, _SIZES), Layout("diffusers", _DIFFUSERS, _SIZES)),
        claims=("ideogram4",),
        stacks=("layers",),
    ),
)
