"""The kohya prefix over diffusers' UNet names, for SDXL."""

from __future__ import annotations

from .dialect import Dialect, Signature

_SDXL = frozenset({"sdxl", "sdxl_refiner"})
_SD = frozenset({"sd15", "sd21"})

DIALECT = Dialect(
    "kohya_difnames",
    "LyCORIS, OneTrainer for SDXL, ComfyUI-era tools",
    (Signature(("lora_unet_",), ("updown", ""), ("diffusers",), ("native",), _SDXL, not_only=_SD),),
    ("lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",),
)
