"""diffusers' names with PEFT tails."""

from __future__ import annotations

from .dialect import Dialect, Signature

_SPELLINGS = ("AB", "AB_bare", "AB_default", "")

DIALECT = Dialect(
    "diffusers",
    "diffusers PEFT, ai-toolkit FLUX.1, Replicate, fal, SimpleTuner",
    (
        Signature(("transformer.",), _SPELLINGS, ("diffusers",)),
        Signature(("text_encoder.",), _SPELLINGS),
    ),
    (
        "transformer.transformer_blocks.0.attn.to_q.lora_A.weight",
        "transformer.single_transformer_blocks.0.proj_mlp.lora_B.weight",
    ),
)
