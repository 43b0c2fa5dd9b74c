"""The OMI specification: native names with kohya tails, parts of fused weights numbered."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "omi",
    "OneTrainer April to December 2025 (OMI specification)",
    (
        Signature(("transformer.",), ("updown",), ("native", "omi"), ("diffusers",)),
        Signature(("unet.",), ("updown",), ("native",), ("diffusers",)),
        Signature(("clip_l.", "clip_g.", "t5."), ("updown",)),
    ),
    (
        "transformer.double_blocks.0.img_attn.qkv.0.lora_down.weight",
        "unet.input_blocks.4.1.transformer_blocks.0.attn1.to_q.lora_up.weight",
    ),
)
