"""Wan-Fun reward LoRAs: two underscores before native names."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "wan_fun",
    "alibaba-pai Wan-Fun",
    (Signature(("lora_unet__",), namings=("native",)),),
    ("lora_unet__blocks_0_cross_attn_k.lora_down.weight",),
)
