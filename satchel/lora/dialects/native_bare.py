"""Native names without a prefix."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "native_bare",
    "LTX official, Mochi, OneTrainer ORIGINAL",
    (
        Signature(
            ("",), ("AB", "AB_bare", "updown", ""), ("native",), not_roles=frozenset({"up_bias"})
        ),
    ),
    (
        "transformer_blocks.0.attn1.to_q.lora_A.weight",
        "blocks.0.self_attn.q.lora_B.weight",
    ),
)
