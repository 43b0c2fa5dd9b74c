"""XLabs' x-flux and ByteDance's USO: attention processors of FLUX.1.

`double_blocks.0.processor.qkv_lora1.down.weight`: 1 is the image side, 2 the text side.
Source: https://github.com/XLabs-AI/x-flux (`src/flux/modules/layers.py`).
"""

from __future__ import annotations

from .rule import Renamed, Rows, Rule

RULE = Rule(
    "xlabs",
    "single_blocks_0_linear1",
    {
        "double_blocks_#_qkv_lora1": "double_blocks_#_img_attn_qkv",
        "double_blocks_#_qkv_lora2": "double_blocks_#_txt_attn_qkv",
        "double_blocks_#_proj_lora1": "double_blocks_#_img_attn_proj",
        "double_blocks_#_proj_lora2": "double_blocks_#_txt_attn_proj",
        "single_blocks_#_qkv": Renamed("single_blocks_#_linear1", Rows("qkv_mlp", 0, 3)),
        "single_blocks_#_proj": "single_blocks_#_linear2",
    },
)
