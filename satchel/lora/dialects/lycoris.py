"""Flat diffusers names under `lycoris_`."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "lycoris",
    "SimpleTuner with LyCORIS, old ai-toolkit LoKr",
    (Signature(("lycoris_",)),),
    ("lycoris_transformer_blocks_0_attn_to_q.lokr_w1",),
)
