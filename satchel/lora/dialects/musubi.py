"""musubi-tuner: the kohya form over each model repository's own names."""

from __future__ import annotations

from .dialect import Dialect, Signature

_SPELLINGS = ("updown", "")
ARCHITECTURES = frozenset({
    "wan21_1_3b", "wan21_14b", "wan21_i2v_14b", "wan22_i2v_14b", "wan22_5b", "wan21_vace_14b",
    "qwen_image", "flux2_dev", "flux2_klein_9b", "flux2_klein_4b",
    "hunyuan_video_15", "krea2", "ideogram4",
})  # fmt: skip
"""Models that musubi-tuner trains and sd-scripts does not, where both would write one form."""

DIALECT = Dialect(
    "musubi",
    "musubi-tuner",
    (
        Signature(
            ("lora_unet_",),
            _SPELLINGS,
            ("native",),
            architectures=ARCHITECTURES,
            not_marks=("_\n",),
        ),
        Signature(("lora_unet_",), _SPELLINGS, ("tencent",), ("native",)),
        # Z-Image with q, k and v apart.
        Signature(("lora_unet_",), _SPELLINGS, ("diffusers",), ("native",), frozenset({"z_image"})),
        # FLUX.1 Kontext: the same keys as sd-scripts, so only the metadata tells.
        Signature(("lora_unet_",), _SPELLINGS, ("native",), trainer="musubi-tuner"),
    ),
    (
        "lora_unet_blocks_0_self_attn_q.lora_down.weight",
        "lora_unet_double_blocks_0_img_mlp_fc1.lora_up.weight",
        "lora_unet_layers_0_attention_to_q.lora_down.weight",
    ),
)
