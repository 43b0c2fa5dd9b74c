"""HiDream-I1: mixture-of-experts blocks. Native and diffusers names are the same."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_STACK = "(double_stream_blocks.<D>|single_stream_blocks.<S>).block"
_TABLE = f"""
t_embedder.timestep_embedder.linear_1 h 256
t_embedder.timestep_embedder.linear_2 h h
p_embedder.pooled_embedder.linear_1 h 2048
p_embedder.pooled_embedder.linear_2 h h
x_embedder.proj h 64
caption_projection.<0-48>.linear h 4096
{_STACK}.attn1.(to_q|to_k|to_v|to_out) h h
{_STACK}.attn1.(q_rms_norm|k_rms_norm) h
{_STACK}.ff_i.shared_experts.(w1|w3) shared h
{_STACK}.ff_i.shared_experts.w2 h shared
{_STACK}.ff_i.experts.<0-3>.(w1|w3) ff h
{_STACK}.ff_i.experts.<0-3>.w2 h ff
{_STACK}.ff_i.gate 4 h
double_stream_blocks.<D>.block.attn1.(to_q_t|to_k_t|to_v_t|to_out_t) h h
double_stream_blocks.<D>.block.attn1.(q_rms_norm_t|k_rms_norm_t) h
double_stream_blocks.<D>.block.ff_t.(w1|w3) ff h
double_stream_blocks.<D>.block.ff_t.w2 h ff
double_stream_blocks.<D>.block.adaLN_modulation.1 12h h
single_stream_blocks.<S>.block.adaLN_modulation.1 6h h
final_layer.linear 64 h
final_layer.adaLN_modulation.1 2h h
"""
_SIZES = {"h": 2560, "D": 16, "S": 32, "ff": 6912, "shared": 3584}

ARCHITECTURES = (
    Architecture(
        "hidream_i1",
        "HiDream-I1",
        ("clip_l", "clip_g", "t5xxl", "llama"),
        (Layout("native", _TABLE, _SIZES), Layout("diffusers", _TABLE, _SIZES)),
        claims=("hidream",),
        stacks=("double_stream_blocks", "single_stream_blocks"),
    ),
)
