"""Attention processors of old diffusers."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "diffusers_old",
    "diffusers up to 0.22",
    (
        Signature(
            ("unet.", "text_encoder.", ""),
            ("plain",),
            not_marks=("_lora1\n", ".processor.qkv_lora", ".processor.proj_lora"),
        ),
    ),
    (
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight",
        "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.up.weight",
    ),
)
