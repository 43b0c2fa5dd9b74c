"""Krea 2: single-stream blocks behind a text-fusion network."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_FUSION = "(layerwise_blocks|refiner_blocks).<0-1>"
_NATIVE = f"""
first h 64
tmlp.0 h 256
(tmlp.2|txtmlp.3) h h
txtmlp.1 h t
tproj.1 6h h
last.linear 64 h
blocks.<B>.attn.(wq|wo|gate) h h
blocks.<B>.attn.(wk|wv) kv h
blocks.<B>.mlp.(gate|up) ff h
blocks.<B>.mlp.down h ff
txtfusion.projector 1 12
txtfusion.{_FUSION}.attn.(wq|wk|wv|wo|gate) t t
txtfusion.{_FUSION}.mlp.(gate|up) tff t
txtfusion.{_FUSION}.mlp.down t tff
"""
_DIFFUSERS = f"""
transformer_blocks.<B>.attn.(to_q|to_out.0|to_gate) h h
transformer_blocks.<B>.attn.(to_k|to_v) kv h
transformer_blocks.<B>.ff.(gate|up) ff h
transformer_blocks.<B>.ff.down h ff
text_fusion.{_FUSION}.attn.(to_q|to_k|to_v|to_out.0|to_gate) t t
text_fusion.{_FUSION}.ff.(gate|up) tff t
text_fusion.{_FUSION}.ff.down t tff
"""
_SIZES = {"h": 6144, "kv": 1536, "ff": 16384, "t": 2560, "tff": 6912, "B": 28}

ARCHITECTURES = (
    Architecture(
        "krea2",
        "Krea 2",
        ("qwen3vl_4b",),
        (Layout("native", _NATIVE, _SIZES), Layout("diffusers", _DIFFUSERS, _SIZES)),
        claims=("krea2",),
        stacks=("blocks", "transformer_blocks"),
    ),
)
