"""A raw PEFT adapter over native names."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "fal_kontext",
    "fal (Kontext, FLUX.2), BFL",
    (
        Signature(
            ("base_model.model.",), ("AB", "AB_bare", "AB_default", ""), ("native",), ("diffusers",)
        ),
    ),
    ("base_model.model.double_blocks.0.img_attn.qkv.lora_A.weight",),
)
