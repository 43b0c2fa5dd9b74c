"""Cosmos-Predict2 and Anima under diffusers' names.

Source: diffusers `scripts/convert_cosmos_to_diffusers.py`.
"""

from __future__ import annotations

from .rule import Rule, prefixed

_BLOCK = {
    **{
        f"{theirs}_{name}": f"{ours}_{to}"
        for theirs, ours in (("attn1", "self_attn"), ("attn2", "cross_attn"))
        for name, to in {
            "to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out_0": "output_proj",
        }.items()
    },
    **{
        f"norm{n}_linear_{i}": f"adaln_modulation_{what}_{i}"
        for n, what in ((1, "self_attn"), (2, "cross_attn"), (3, "mlp"))
        for i in (1, 2)
    },
    "ff_net_0_proj": "mlp_layer1",
    "ff_net_2": "mlp_layer2",
}  # fmt: skip

RULE = Rule(
    "cosmos",
    "blocks_0_self_attn_output_proj",
    {
        **prefixed("transformer_blocks_#_", "blocks_#_", _BLOCK),
        "text_conditioner_*": "llm_adapter_*",  # Anima's own adapter
    },
)
