"""Cosmos-Predict2 text-to-image and Anima, which is the 2B model with a language adapter."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_NATIVE = """
t_embedder.1.linear_1 h h
t_embedder.1.linear_2 3h h
x_embedder.proj.1 h 68
t_embedding_norm h
final_layer.linear 64 h
final_layer.adaln_modulation.1 256 h
final_layer.adaln_modulation.2 2h 256
blocks.<B>.(self_attn|cross_attn).(q_proj|output_proj) h h
blocks.<B>.(self_attn|cross_attn).(q_norm|k_norm) 128
blocks.<B>.self_attn.(k_proj|v_proj) h h
blocks.<B>.cross_attn.(k_proj|v_proj) h 1024
blocks.<B>.mlp.layer1 4h h
blocks.<B>.mlp.layer2 h 4h
blocks.<B>.(adaln_modulation_self_attn|adaln_modulation_cross_attn|adaln_modulation_mlp).1 256 h
blocks.<B>.(adaln_modulation_self_attn|adaln_modulation_cross_attn|adaln_modulation_mlp).2 3h 256
"""
_DIFFUSERS = """
transformer_blocks.<B>.(attn1|attn2).(to_q|to_out.0) h h
transformer_blocks.<B>.attn1.(to_k|to_v) h h
transformer_blocks.<B>.attn2.(to_k|to_v) h 1024
transformer_blocks.<B>.ff.net.0.proj 4h h
transformer_blocks.<B>.ff.net.2 h 4h
transformer_blocks.<B>.(norm1|norm2|norm3).linear_1 256 h
transformer_blocks.<B>.(norm1|norm2|norm3).linear_2 3h 256
"""
_ADAPTER = """
{adapter}.embed 32128 1024
{adapter}.out_proj 1024 1024
{adapter}.norm 1024
{adapter}.blocks.<0-5>.(self_attn|cross_attn).(q|k|v|o)_proj 1024 1024
{adapter}.blocks.<0-5>.(self_attn|cross_attn).(q_norm|k_norm) 64
{adapter}.blocks.<0-5>.(norm_self_attn|norm_cross_attn|norm_mlp) 1024
{adapter}.blocks.<0-5>.mlp.0 4096 1024
{adapter}.blocks.<0-5>.mlp.2 1024 4096
"""


def _cosmos(
    id_: str, title: str, encoder: str, width: int, depth: int, *claims: str, adapter: bool = False
) -> Architecture:
    native, other = _NATIVE, _DIFFUSERS
    if adapter:
        native += _ADAPTER.format(adapter="llm_adapter")
        other += _ADAPTER.format(adapter="text_conditioner")
    sizes = {"h": width, "B": depth}
    return Architecture(
        id_, title, (encoder,),
        (Layout("native", native, sizes), Layout("diffusers", other, sizes)),
        claims=claims, stacks=("blocks", "transformer_blocks"),
    )  # fmt: skip


ARCHITECTURES = (
    _cosmos("anima", "Anima", "qwen3_06b", 2048, 28, "anima", "animapreview", adapter=True),
    _cosmos("cosmos_predict2_2b", "Cosmos-Predict2 2B", "t5xxl", 2048, 28,
            "cosmospredict2", "cosmos"),
    _cosmos("cosmos_predict2_14b", "Cosmos-Predict2 14B", "t5xxl", 5120, 36,
            "cosmospredict2", "cosmos"),
)  # fmt: skip
