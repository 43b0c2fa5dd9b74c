"""The OMI format (OneTrainer's option from April to December 2025) for FLUX.1.

Fused weights appear as numbered parts: `transformer.double_blocks.0.img_attn.qkv.0`.
Source: https://github.com/Open-Model-Initiative/OMI-Model-Standards.
"""

from __future__ import annotations

from .rule import Renamed, Rows, Rule, split_qkv

RULE = Rule(
    "omi",
    "single_blocks_0_linear1",
    {
        **{
            f"double_blocks_#_{side}_attn_{part}": to
            for side in ("img", "txt")
            for part, to in split_qkv(
                ("qkv_0", "qkv_1", "qkv_2"), f"double_blocks_#_{side}_attn_qkv"
            ).items()
        },
        **{
            f"single_blocks_#_linear1_{i}": Renamed("single_blocks_#_linear1", Rows("qkv_mlp", i))
            for i in range(4)
        },
        "img_in_proj": "img_in",
    },
)
