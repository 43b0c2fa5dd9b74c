"""Two underscores before diffusers' names."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "zimage_dunder",
    "unknown (seen on marketplaces for Z-Image)",
    (Signature(("lora_unet__",), namings=("diffusers",), not_namings=("native",)),),
    ("lora_unet__layers_0_attention_to_q.lora_down.weight",),
)
