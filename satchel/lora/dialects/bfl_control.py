"""Native names without a prefix, with biases and norm scales."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "bfl_control",
    "Black Forest Labs (FLUX.1 Canny and Depth LoRA)",
    (Signature(("",), ("AB",), ("native",), roles=frozenset({"up_bias"})),),
    (
        "double_blocks.0.img_attn.qkv.lora_A.weight",
        "double_blocks.0.img_attn.qkv.lora_B.bias",
    ),
)
