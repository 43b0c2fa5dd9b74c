"""diffusers' UNet names with PEFT tails."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "diffusers_peft_unetAB",
    "diffusers PEFT for SD and SDXL",
    (Signature(("unet.",), ("AB", "AB_bare", "AB_default", "")),),
    ("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight",),
)
