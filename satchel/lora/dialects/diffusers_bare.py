"""diffusers' names without a prefix."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "diffusers_bare",
    "DiffSynth-Studio",
    (Signature(("",), ("AB", "AB_bare", "AB_default", "updown", ""), ("diffusers",), ("native",)),),
    ("transformer_blocks.0.attn.to_q.lora_A.default.weight",),
)
