"""Lumina 2 (and NetaYume) under diffusers' names; the host's map has Z-Image's instead.

Its attention is grouped: 2304 query rows, 768 key and 768 value rows.
Source: diffusers `scripts/convert_lumina_to_diffusers.py`.
"""

from __future__ import annotations

from .rule import Rule, prefixed, split_qkv

_BLOCK = {
    **split_qkv(("attn_to_q", "attn_to_k", "attn_to_v"), "attention_qkv"),
    "attn_to_out_0": "attention_out",
    "feed_forward_linear_1": "feed_forward_w1",
    "feed_forward_linear_2": "feed_forward_w2",
    "feed_forward_linear_3": "feed_forward_w3",
    "norm1_linear": "adaLN_modulation_1",
}

RULE = Rule(
    "lumina2",
    "layers_0_attention_qkv",
    {
        renamed: to
        for stack in ("layers", "noise_refiner", "context_refiner")
        for renamed, to in prefixed(f"{stack}_#_", f"{stack}_#_", _BLOCK).items()
    },
)
