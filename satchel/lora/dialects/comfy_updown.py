"""ComfyUI's own module names with kohya tails."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "comfy_updown",
    "ComfyUI LoraSave, extractors",
    (
        Signature(("diffusion_model.",), ("updown",), not_marks=("_attn_qkv\n", "_attn_proj\n")),
        Signature(("text_encoders.",), ("updown",)),
    ),
    ("diffusion_model.double_blocks.0.img_attn.qkv.lora_up.weight",),
)
