"""musubi-tuner converted: ComfyUI's prefix, but flat attention names."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "musubi_conv",
    "musubi-tuner convert_lora.py --target other",
    (
        Signature(("diffusion_model.",), marks=("_attn_qkv\n", "_attn_proj\n")),
        Signature(
            ("diffusion_model.",),
            ("AB", ""),
            ("tencent",),
            ("native",),
            not_marks=("_attn_qkv\n", "_attn_proj\n"),
        ),
    ),
    ("diffusion_model.double_blocks.0.img_attn_qkv.lora_A.weight",),
)
