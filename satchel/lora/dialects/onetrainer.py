"""Flat diffusers names under `lora_transformer_`."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "onetrainer",
    "OneTrainer LEGACY for FLUX.1, SD3, Chroma",
    (Signature(("lora_transformer_",)),),
    ("lora_transformer_single_transformer_blocks_0_attn_to_q.lora_down.weight",),
)
