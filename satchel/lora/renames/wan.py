"""Wan 2.1 and 2.2 under diffusers' names.

Source: diffusers `scripts/convert_wan_to_diffusers.py`.
"""

from __future__ import annotations

from .rule import Rule, prefixed

_ATTENTION = {
    f"{theirs}_{name}": f"{ours}_{to}"
    for theirs, ours in (("attn1", "self_attn"), ("attn2", "cross_attn"))
    for name, to in {
        "to_q": "q", "to_k": "k", "to_v": "v", "to_out_0": "o",
        "add_k_proj": "k_img", "add_v_proj": "v_img", "norm_q": "norm_q", "norm_k": "norm_k",
        "norm_added_k": "norm_k_img",
    }.items()
}  # fmt: skip
_BLOCK = {**_ATTENTION, "ffn_net_0_proj": "ffn_0", "ffn_net_2": "ffn_2", "norm2": "norm3"}

RULE = Rule(
    "wan",
    "blocks_0_self_attn_q",
    {
        **prefixed("blocks_#_", "blocks_#_", _BLOCK),
        **prefixed("vace_blocks_#_", "vace_blocks_#_", _BLOCK),
        "condition_embedder_text_embedder_linear_1": "text_embedding_0",
        "condition_embedder_text_embedder_linear_2": "text_embedding_2",
        "condition_embedder_time_embedder_linear_1": "time_embedding_0",
        "condition_embedder_time_embedder_linear_2": "time_embedding_2",
        "condition_embedder_time_proj": "time_projection_1",
        "condition_embedder_image_embedder_ff_net_0_proj": "img_emb_proj_1",
        "condition_embedder_image_embedder_ff_net_2": "img_emb_proj_3",
        "proj_out": "head_head",
    },
)
