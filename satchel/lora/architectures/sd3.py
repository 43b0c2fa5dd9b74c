"""Stable Diffusion 3 and 3.5: joint blocks of an image (`x_block`) and a text side.

3.5 medium differs from 3 medium by a second attention in the first 13 image blocks, and by the
wider modulation that comes with it. The last text block has no output side.
"""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_NATIVE = """
x_embedder.proj h 16x2x2
t_embedder.mlp.0 h 256
t_embedder.mlp.2 h h
y_embedder.mlp.0 h 2048
y_embedder.mlp.2 h h
context_embedder h 4096
joint_blocks.<D>.(x_block|context_block).attn.qkv 3h h
joint_blocks.<D>.x_block.attn.proj h h
joint_blocks.<D>.x_block.mlp.fc1 4h h
joint_blocks.<D>.x_block.mlp.fc2 h 4h
joint_blocks.<T>.context_block.attn.proj h h
joint_blocks.<T>.context_block.mlp.fc1 4h h
joint_blocks.<T>.context_block.mlp.fc2 h 4h
joint_blocks.<T>.context_block.adaLN_modulation.1 6h h
joint_blocks.<last>.context_block.adaLN_modulation.1 2h h
final_layer.linear 64 h
final_layer.adaLN_modulation.1 2h h
"""
_DIFFUSERS = """
transformer_blocks.<D>.attn.(to_q|to_k|to_v|to_out.0|add_q_proj|add_k_proj|add_v_proj) h h
transformer_blocks.<T>.attn.to_add_out h h
transformer_blocks.<D>.ff.net.0.proj 4h h
transformer_blocks.<D>.ff.net.2 h 4h
transformer_blocks.<T>.ff_context.net.0.proj 4h h
transformer_blocks.<T>.ff_context.net.2 h 4h
transformer_blocks.<T>.norm1_context.linear 6h h
transformer_blocks.<last>.norm1_context.linear 2h h
context_embedder h 4096
proj_out 64 h
norm_out.linear 2h h
"""
# 3.5 also normalises queries and keys.
_NORMS = "\njoint_blocks.<D>.(x_block|context_block).attn.(ln_q|ln_k) 64\n"
_ONE_ATTENTION = (
    "joint_blocks.<D>.x_block.adaLN_modulation.1 6h h",
    "transformer_blocks.<D>.norm1.linear 6h h",
)
_TWO_ATTENTIONS = (
    _NORMS
    + """
joint_blocks.<0-12>.x_block.attn2.qkv 3h h
joint_blocks.<0-12>.x_block.attn2.proj h h
joint_blocks.<0-12>.x_block.attn2.(ln_q|ln_k) 64
joint_blocks.<0-12>.x_block.adaLN_modulation.1 9h h
joint_blocks.<13-23>.x_block.adaLN_modulation.1 6h h
""",
    """
transformer_blocks.<0-12>.attn2.(to_q|to_k|to_v|to_out.0) h h
transformer_blocks.<0-12>.norm1.linear 9h h
transformer_blocks.<13-23>.norm1.linear 6h h
""",
)
_ENCODERS = ("clip_l", "clip_g", "t5xxl")
_STACKS = ("joint_blocks", "transformer_blocks")


def _layouts(width: int, depth: int, modulation: tuple[str, str]) -> tuple[Layout, ...]:
    # The ranges "all but the last block" and "the last block" depend on the depth.
    last = f"<{depth - 1}>"
    tables = [
        (table + more).replace("<T>", f"<0-{depth - 2}>").replace("<last>", last)
        for table, more in zip((_NATIVE, _DIFFUSERS), modulation, strict=True)
    ]
    sizes = {"h": width, "D": depth}
    return Layout("native", tables[0], sizes), Layout("diffusers", tables[1], sizes)


ARCHITECTURES = (
    Architecture("sd3_medium", "Stable Diffusion 3 medium", _ENCODERS,
                 _layouts(1536, 24, _ONE_ATTENTION), stacks=_STACKS,
                 claims=("sd3", "sd3m", "stablediffusion3", "stablediffusion3medium",
                         "stablediffusionv3medium")),
    Architecture("sd35_medium", "Stable Diffusion 3.5 medium", _ENCODERS,
                 _layouts(1536, 24, _TWO_ATTENTIONS), stacks=_STACKS,
                 claims=("sd3", "sd35", "sd35medium", "stablediffusion35", "stablediffusionv35",
                         "stablediffusion3", "stablediffusion35medium")),
    Architecture("sd35_large", "Stable Diffusion 3.5 large", _ENCODERS,
                 _layouts(2432, 38, (_ONE_ATTENTION[0] + _NORMS, _ONE_ATTENTION[1])),
                 stacks=_STACKS,
                 claims=("sd3", "sd35", "sd35large", "stablediffusion35", "stablediffusionv35",
                         "stablediffusion3", "stablediffusion35large")),
)  # fmt: skip
