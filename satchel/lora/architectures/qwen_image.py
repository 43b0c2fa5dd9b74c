"""Qwen-Image (also 2512, Edit, Edit-Plus, Layered). Native and diffusers names are the same."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_TABLE = """
img_in h 64
txt_in h 3584
txt_norm 3584
time_text_embed.timestep_embedder.linear_1 h 256
time_text_embed.timestep_embedder.linear_2 h h
transformer_blocks.<D>.attn.(to_q|to_k|to_v|to_out.0) h h
transformer_blocks.<D>.attn.(add_q_proj|add_k_proj|add_v_proj|to_add_out) h h
transformer_blocks.<D>.attn.(norm_q|norm_k|norm_added_q|norm_added_k) 128
transformer_blocks.<D>.(img|txt)_mlp.net.0.proj 4h h
transformer_blocks.<D>.(img|txt)_mlp.net.2 h 4h
transformer_blocks.<D>.(img|txt)_mod.1 6h h
norm_out.linear 2h h
proj_out 64 h
"""
_SIZES = {"h": 3072, "D": 60}

ARCHITECTURES = (
    Architecture(
        "qwen_image",
        "Qwen-Image",
        ("qwen25_7b",),
        (Layout("native", _TABLE, _SIZES), Layout("diffusers", _TABLE, _SIZES)),
        claims=("qwenimage", "qwen"),
        stacks=("transformer_blocks",),
    ),
)
