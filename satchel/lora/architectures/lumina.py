"""Z-Image and Lumina 2 (also NetaYume): one stack of layers and two refiners.

Lumina 2 shares keys and values between heads: its `qkv` is 2304 + 768 + 768 rows.
"""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_STACK = "(layers.<L>|noise_refiner.<0-1>|context_refiner.<0-1>)"
_MODULATED = "(layers.<L>|noise_refiner.<0-1>)"
_FEED_FORWARD_NORMS = f"""
{_STACK}.(attention_norm1|attention_norm2|ffn_norm1|ffn_norm2) h
"""
_NATIVE = (
    f"""
x_embedder h 64
cap_embedder.0 text
cap_embedder.1 h text
t_embedder.mlp.0 1024 256
t_embedder.mlp.2 time 1024
{_STACK}.attention.qkv h+2kv h
{_STACK}.attention.out h h
{_STACK}.attention.(q_norm|k_norm) ?
{_STACK}.feed_forward.(w1|w3) ff h
{_STACK}.feed_forward.w2 h ff
final_layer.linear 64 h
final_layer.adaLN_modulation.1 h time
"""
    + _FEED_FORWARD_NORMS
)
_Z_MODULATION = f"{_MODULATED}.adaLN_modulation.0 4h time\n"
_LUMINA_MODULATION = f"{_MODULATED}.adaLN_modulation.1 4h time\n"
_Z_DIFFUSERS = (
    f"""
all_x_embedder.2-1 h 64
all_final_layer.2-1.linear 64 h
all_final_layer.2-1.adaLN_modulation.1 h time
cap_embedder.1 h text
t_embedder.mlp.0 1024 256
t_embedder.mlp.2 time 1024
{_STACK}.attention.(to_q|to_k|to_v|to_out.0) h h
{_STACK}.feed_forward.(w1|w3) ff h
{_STACK}.feed_forward.w2 h ff
"""
    + _Z_MODULATION
)
_LUMINA_DIFFUSERS = f"""
{_STACK}.attn.(to_q|to_out.0) h h
{_STACK}.attn.(to_k|to_v) kv h
{_STACK}.feed_forward.(linear_1|linear_3) ff h
{_STACK}.feed_forward.linear_2 h ff
{_MODULATED}.norm1.linear 4h time
x_embedder h 64
"""
_Z_SIZES = {"h": 3840, "kv": 3840, "ff": 10240, "L": 30, "text": 2560, "time": 256}
_LUMINA_SIZES = {"h": 2304, "kv": 768, "ff": 9216, "L": 26, "text": 2304, "time": 1024}

ARCHITECTURES = (
    Architecture(
        "z_image", "Z-Image", ("qwen3_4b",),
        (Layout("native", _NATIVE + _Z_MODULATION, _Z_SIZES),
         Layout("diffusers", _Z_DIFFUSERS, _Z_SIZES)),
        claims=("zimage",), stacks=("layers",),
    ),
    Architecture(
        "lumina2", "Lumina 2", ("gemma2_2b",),
        (Layout("native", _NATIVE + _LUMINA_MODULATION, _LUMINA_SIZES),
         Layout("diffusers", _LUMINA_DIFFUSERS, _LUMINA_SIZES)),
        claims=("lumina2",), stacks=("layers",),
    ),
)  # fmt: skip
