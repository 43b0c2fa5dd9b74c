"""The kohya prefix over FLUX.1's diffusers names, often with a stray underscore at the end."""

from __future__ import annotations

from .dialect import Dialect, Signature

_FLUX = frozenset({"flux_dev", "flux_schnell", "flux_fill", "flux_canny", "chroma"})
_VIDEO = frozenset({"hunyuan_video"})

DIALECT = Dialect(
    "trailing_underscore",
    "early FLUX.1 trainers (sd-scripts issue 1463)",
    (
        Signature(("lora_unet_",), ("updown", ""), ("diffusers",), ("native",), marks=("_\n",)),
        Signature(
            ("lora_unet_",), ("updown", ""), ("diffusers",), ("native",), _FLUX, not_only=_VIDEO
        ),
    ),
    ("lora_unet_single_transformer_blocks_0_attn_to_k_.lora_down.weight",),
)
