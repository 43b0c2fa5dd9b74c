"""AuraFlow: four double layers, then single ones; `w1` is the text side, `w2` the image side."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_NATIVE = """
t_embedder.mlp.0 h 256
t_embedder.mlp.2 h h
cond_seq_linear h 2048
init_x_linear h 16
final_linear 16 h
modF.1 2h h
double_layers.<0-3>.attn.(w1q|w1k|w1v|w1o|w2q|w2k|w2v|w2o) h h
double_layers.<0-3>.(mlpC|mlpX).(c_fc1|c_fc2) ff h
double_layers.<0-3>.(mlpC|mlpX).c_proj h ff
double_layers.<0-3>.(modC|modX).1 6h h
single_layers.<0-31>.attn.(w1q|w1k|w1v|w1o) h h
single_layers.<0-31>.mlp.(c_fc1|c_fc2) ff h
single_layers.<0-31>.mlp.c_proj h ff
single_layers.<0-31>.modCX.1 6h h
"""
_DIFFUSERS = """
joint_transformer_blocks.<0-3>.attn.(to_q|to_k|to_v|to_out.0) h h
joint_transformer_blocks.<0-3>.attn.(add_q_proj|add_k_proj|add_v_proj|to_add_out) h h
joint_transformer_blocks.<0-3>.(ff|ff_context).(linear_1|linear_2) ff h
joint_transformer_blocks.<0-3>.(ff|ff_context).out_projection h ff
joint_transformer_blocks.<0-3>.(norm1|norm1_context).linear 6h h
single_transformer_blocks.<0-31>.attn.(to_q|to_k|to_v|to_out.0) h h
single_transformer_blocks.<0-31>.ff.(linear_1|linear_2) ff h
single_transformer_blocks.<0-31>.ff.out_projection h ff
single_transformer_blocks.<0-31>.norm1.linear 6h h
"""
_SIZES = {"h": 3072, "ff": 8192}

ARCHITECTURES = (
    Architecture(
        "auraflow",
        "AuraFlow",
        ("pile_t5xl",),
        (Layout("native", _NATIVE, _SIZES), Layout("diffusers", _DIFFUSERS, _SIZES)),
        claims=("auraflow", "ponyv7"),
        stacks=(
            "double_layers", "single_layers",
            "joint_transformer_blocks", "single_transformer_blocks",
        ),
    ),
)  # fmt: skip
