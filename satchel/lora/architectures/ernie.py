"""ERNIE-Image. Native and diffusers names are the same."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_TABLE = """
x_embedder.proj h 128x1x1
text_proj h 3072
time_embedding.(linear_1|linear_2) h h
adaLN_modulation.1 6h h
layers.<L>.self_attention.(to_q|to_k|to_v|to_out.0) h h
layers.<L>.self_attention.(norm_q|norm_k) 128
layers.<L>.(adaLN_sa_ln|adaLN_mlp_ln) h
layers.<L>.mlp.(gate_proj|up_proj) 3h h
layers.<L>.mlp.linear_fc2 h 3h
final_norm.linear 2h h
final_linear 128 h
"""
_SIZES = {"h": 4096, "L": 36}

ARCHITECTURES = (
    Architecture(
        "ernie_image",
        "ERNIE-Image",
        ("ministral3_3b",),
        (Layout("native", _TABLE, _SIZES), Layout("diffusers", _TABLE, _SIZES)),
        claims=("ernieimage", "ernie"),
        stacks=("layers",),
    ),
)
