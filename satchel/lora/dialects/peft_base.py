"""A raw PEFT adapter over diffusers' names."""

from __future__ import annotations

from .dialect import Dialect, Signature

_PREFIXES = ("base_model.model.", "unet.base_model.model.")

DIALECT = Dialect(
    "peft_base",
    "PEFT (adapter_model.safetensors)",
    (Signature(_PREFIXES, ("AB", "AB_bare", "AB_default", ""), ("diffusers",)),),
    ("base_model.model.transformer_blocks.0.attn.to_q.lora_A.weight",),
)
