"""Ideogram 4 under diffusers' names: its fused attention in three parts."""

from __future__ import annotations

from .rule import Rule, prefixed, split_qkv

RULE = Rule(
    "ideogram4",
    "layers_0_attention_o",
    prefixed(
        "layers_#_",
        "layers_#_",
        {
            **split_qkv(("attention_to_q", "attention_to_k", "attention_to_v"), "attention_qkv"),
            "attention_to_out_0": "attention_o",
        },
    ),
)
