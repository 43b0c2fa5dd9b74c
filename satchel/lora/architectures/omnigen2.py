"""OmniGen2: Lumina-like layers with three refiners. Native and diffusers names are the same."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_STACK = "(layers.<0-31>|noise_refiner.<0-1>|context_refiner.<0-1>|ref_image_refiner.<0-1>)"
_MODULATED = "(layers.<0-31>|noise_refiner.<0-1>|ref_image_refiner.<0-1>)"
_TABLE = f"""
(x_embedder|ref_image_patch_embedder) h 64
time_caption_embed.timestep_embedder.linear_1 1024 256
time_caption_embed.timestep_embedder.linear_2 1024 1024
time_caption_embed.caption_embedder.0 2048
time_caption_embed.caption_embedder.1 h 2048
{_STACK}.attn.(to_q|to_out.0) h h
{_STACK}.attn.(to_k|to_v) kv h
{_STACK}.attn.(norm_q|norm_k) 120
{_STACK}.feed_forward.(linear_1|linear_3) ff h
{_STACK}.feed_forward.linear_2 h ff
{_STACK}.(ffn_norm1|norm2|ffn_norm2) h
{_MODULATED}.norm1.linear 4h 1024
{_MODULATED}.norm1.norm h
context_refiner.<0-1>.norm1 h
norm_out.linear_1 h 1024
norm_out.linear_2 64 h
"""
_SIZES = {"h": 2520, "kv": 840, "ff": 10240}

ARCHITECTURES = (
    Architecture(
        "omnigen2",
        "OmniGen2",
        ("qwen25_3b",),
        (Layout("native", _TABLE, _SIZES), Layout("diffusers", _TABLE, _SIZES)),
        claims=("omnigen2",),
        stacks=("layers",),
    ),
)
