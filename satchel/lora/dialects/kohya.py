"""sd-scripts: flat native names; `oft_unet_` for its OFT."""

from __future__ import annotations

from . import musubi
from .dialect import Dialect, Signature

_SPELLINGS = ("updown", "")
_SD = frozenset({"sd15", "sd21"})
# musubi-tuner writes the same form for models that sd-scripts does not train.
_ELSEWHERE = musubi.ARCHITECTURES

DIALECT = Dialect(
    "kohya",
    "sd-scripts, LyCORIS",
    (
        Signature(("lora_unet_", "oft_unet_"), _SPELLINGS, ("native",), not_only=_ELSEWHERE),
        # SD 1.x and 2.x under diffusers' UNet names, which sd-scripts kept for them.
        Signature(("lora_unet_", "oft_unet_"), _SPELLINGS, ("diffusers",), ("native",), _SD),
        Signature(("lora_te",)),
    ),
    (
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",
        "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_up.weight",
        "lora_unet_double_blocks_0_img_attn_qkv.alpha",
        "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
    ),
)
