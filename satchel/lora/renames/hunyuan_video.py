"""HunyuanVideo and HunyuanImage: names of diffusers (also FramePack's) and of Tencent.

The host knows Tencent's for HunyuanVideo only. musubi-tuner writes HunyuanVideo 1.5 as
`double_blocks_0_img_attn_q`. diffusers' `norm_out` holds its two halves the other way round, so it
has no name here and is reported.
Source: diffusers `scripts/convert_hunyuan_video_to_diffusers.py`.
"""

from __future__ import annotations

from .rule import Renamed, Rows, Rule, prefixed, split_qkv

_DOUBLE = {
    **split_qkv(("attn_to_q", "attn_to_k", "attn_to_v"), "img_attn_qkv"),
    **split_qkv(("attn_add_q_proj", "attn_add_k_proj", "attn_add_v_proj"), "txt_attn_qkv"),
    "attn_to_out_0": "img_attn_proj",
    "attn_to_add_out": "txt_attn_proj",
    "ff_net_0_proj": "img_mlp_0",
    "ff_net_2": "img_mlp_2",
    "ff_context_net_0_proj": "txt_mlp_0",
    "ff_context_net_2": "txt_mlp_2",
    "norm1_linear": "img_mod_lin",
    "norm1_context_linear": "txt_mod_lin",
}
_SINGLE: dict[str, Renamed | str] = {
    **{
        name: Renamed("linear1", Rows("qkv_mlp", i))
        for i, name in enumerate(("attn_to_q", "attn_to_k", "attn_to_v", "proj_mlp"))
    },
    "proj_out": "linear2",
    "norm_linear": "modulation_lin",
}
_REFINER = {
    **split_qkv(("attn_to_q", "attn_to_k", "attn_to_v"), "self_attn_qkv"),
    "attn_to_out_0": "self_attn_proj",
    "ff_net_0_proj": "mlp_0",
    "ff_net_2": "mlp_2",
    "norm_out_linear": "adaLN_modulation_1",
}
_TENCENT = {
    "modulation_linear": "modulation_lin",
    **{
        f"{side}_{theirs}": f"{side}_{ours}"
        for side in ("img", "txt")
        for theirs, ours in (("mod_linear", "mod_lin"), ("mlp_fc1", "mlp_0"), ("mlp_fc2", "mlp_2"))
    },
}
_SPLIT = {
    **split_qkv(("img_attn_q", "img_attn_k", "img_attn_v"), "img_attn_qkv"),
    **split_qkv(("txt_attn_q", "txt_attn_k", "txt_attn_v"), "txt_attn_qkv"),
}

RULE = Rule(
    "hunyuan_video",
    "txt_in_individual_token_refiner_blocks_0_self_attn_qkv",
    {
        **prefixed("transformer_blocks_#_", "double_blocks_#_", _DOUBLE),
        **prefixed("single_transformer_blocks_#_", "single_blocks_#_", _SINGLE),
        **prefixed(
            "context_embedder_token_refiner_refiner_blocks_#_",
            "txt_in_individual_token_refiner_blocks_#_",
            _REFINER,
        ),
        **prefixed("double_blocks_#_", "double_blocks_#_", {**_TENCENT, **_SPLIT}),
        **prefixed("single_blocks_#_", "single_blocks_#_", _TENCENT),
    },
)
