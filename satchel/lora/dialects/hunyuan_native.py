"""Tencent's own HunyuanVideo names under `transformer.`."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "hunyuan_native",
    "diffusion-pipe for HunyuanVideo",
    (Signature(("transformer.",), ("AB", "AB_bare", ""), ("tencent",)),),
    ("transformer.double_blocks.0.img_attn_qkv.lora_A.weight",),
)
