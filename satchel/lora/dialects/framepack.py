"""FramePack: the kohya prefix over HunyuanVideo's diffusers names."""

from __future__ import annotations

from .dialect import Dialect, Signature

_HUNYUAN = frozenset({"hunyuan_video"})
_OTHERS = frozenset({"flux_dev", "flux_schnell", "flux_fill", "flux_canny"})

DIALECT = Dialect(
    "framepack",
    "musubi-tuner for FramePack",
    (
        Signature(
            ("lora_unet_",),
            ("updown", ""),
            ("diffusers",),
            ("native",),
            _HUNYUAN,
            not_only=_OTHERS,
            not_marks=("_\n",),
        ),
    ),
    (
        "lora_unet_transformer_blocks_0_attn_to_q.lora_down.weight",
        "lora_unet_single_transformer_blocks_0_proj_mlp.lora_up.weight",
    ),
)
