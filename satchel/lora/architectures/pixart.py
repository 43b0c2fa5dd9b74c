"""PixArt-Sigma (and Alpha, which has the same blocks)."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_NATIVE = """
t_block.1 6h h
x_embedder.proj h 4x2x2
t_embedder.mlp.0 h 256
t_embedder.mlp.2 h h
y_embedder.y_proj.fc1 h 4096
y_embedder.y_proj.fc2 h h
final_layer.linear 32 h
blocks.<B>.attn.qkv 3h h
blocks.<B>.(attn|cross_attn).proj h h
blocks.<B>.cross_attn.q_linear h h
blocks.<B>.cross_attn.kv_linear 2h h
blocks.<B>.mlp.fc1 4h h
blocks.<B>.mlp.fc2 h 4h
"""
_DIFFUSERS = """
transformer_blocks.<B>.(attn1|attn2).(to_q|to_k|to_v|to_out.0) h h
transformer_blocks.<B>.ff.net.0.proj 4h h
transformer_blocks.<B>.ff.net.2 h 4h
"""
_SIZES = {"h": 1152, "B": 28}

ARCHITECTURES = (
    Architecture(
        "pixart_sigma",
        "PixArt-Sigma",
        ("t5xxl",),
        (Layout("native", _NATIVE, _SIZES), Layout("diffusers", _DIFFUSERS, _SIZES)),
        claims=("pixart",),
        stacks=("blocks", "transformer_blocks"),
    ),
)
