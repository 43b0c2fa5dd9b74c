"""diffusers' UNet names with a dotted tail."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "diffusers_peft_unet",
    "diffusers 0.23 and later for SD and SDXL",
    (
        Signature(("unet.",), ("dot",)),
        Signature(("text_encoder.",), ("linear_layer", "dot")),
    ),
    (
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora.down.weight",
        "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight",
    ),
)
