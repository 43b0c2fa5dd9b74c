"""ComfyUI's own module names with PEFT tails."""

from __future__ import annotations

from .dialect import Dialect, Signature

_SPELLINGS = ("AB", "AB_bare", "AB_default", "")

DIALECT = Dialect(
    "comfy",
    "ai-toolkit (FLUX.2, Chroma, Qwen, Wan, LTX-2), diffusion-pipe, OneTrainer",
    (
        Signature(
            ("diffusion_model.",),
            _SPELLINGS,
            ("native",),
            not_marks=("_attn_qkv\n", "_attn_proj\n"),
        ),
        Signature(("text_encoders.",), _SPELLINGS),
    ),
    (
        "diffusion_model.blocks.0.self_attn.q.lora_A.weight",
        "text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.lora_B.weight",
    ),
)
