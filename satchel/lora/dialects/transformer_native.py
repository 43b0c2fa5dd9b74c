"""Native names under diffusers' prefix."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "transformer_native",
    "DiffSynth-Studio and others for Wan",
    (
        Signature(
            ("transformer.",),
            ("AB", "AB_bare", "AB_default", ""),
            ("native",),
            ("diffusers", "tencent"),
        ),
    ),
    ("transformer.blocks.0.self_attn.q.lora_A.weight",),
)
