"""Native names without a prefix, PEFT's adapter name kept."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "native_bare_default",
    "DiffSynth-Studio for Wan",
    (Signature(("",), ("AB_default",), ("native",)),),
    ("blocks.0.self_attn.q.lora_A.default.weight",),
)
