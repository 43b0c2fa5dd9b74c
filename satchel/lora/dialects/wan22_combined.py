"""Both noise experts of Wan 2.2 in one file: `transformer_1` high, `transformer_2` low."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "wan22_combined",
    "ai-toolkit for Wan 2.2 14B (one of two layouts)",
    (Signature(("diffusion_model.transformer_1.", "diffusion_model.transformer_2.")),),
    ("diffusion_model.transformer_1.blocks.0.self_attn.q.lora_A.weight",),
)
