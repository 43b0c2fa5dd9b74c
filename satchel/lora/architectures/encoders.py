"""The text encoders a LoRA may train, as tables of the same form as the diffusion models'.

Of the language models only the width is told: their key and value widths vary by release.
"""

from __future__ import annotations

from .layout import Layout

_CLIP = """
text_model.encoder.layers.<L>.self_attn.(q_proj|k_proj|v_proj|out_proj) d d
text_model.encoder.layers.<L>.self_attn.(to_q|to_k|to_v|to_out) d d
text_model.encoder.layers.<L>.mlp.fc1 4d d
text_model.encoder.layers.<L>.mlp.fc2 d 4d
text_model.encoder.layers.<L>.(layer_norm1|layer_norm2) d
text_projection d d
"""
_T5 = """
encoder.block.<L>.layer.0.SelfAttention.(q|k|v|o) d d
encoder.block.<L>.layer.1.DenseReluDense.(wi_0|wi_1) ff d
encoder.block.<L>.layer.1.DenseReluDense.wo d ff
encoder.block.<L>.layer.(0|1).layer_norm d
"""
_BYT5 = """
encoder.block.<L>.layer.0.SelfAttention.(q|k|v) ? d
encoder.block.<L>.layer.0.SelfAttention.o d ?
encoder.block.<L>.layer.1.DenseReluDense.(wi_0|wi_1) ? d
encoder.block.<L>.layer.1.DenseReluDense.wo d ?
"""
_LANGUAGE = """
layers.<0-99>.self_attn.(q_proj|k_proj|v_proj) ? d
layers.<0-99>.self_attn.o_proj d ?
layers.<0-99>.mlp.(gate_proj|up_proj) ? d
layers.<0-99>.mlp.down_proj d ?
"""


def _clip(layers: int, width: int) -> Layout:
    return Layout("native", _CLIP, {"L": layers, "d": width})


def _t5(width: int, feed_forward: int) -> Layout:
    return Layout("native", _T5, {"L": 24, "d": width, "ff": feed_forward})


def _language(width: int) -> Layout:
    return Layout("native", _LANGUAGE, {"d": width})


ENCODERS = {
    "clip_l": _clip(12, 768),
    "clip_h": _clip(24, 1024),
    "clip_g": _clip(32, 1280),
    "t5xxl": _t5(4096, 10240),
    "umt5xxl": _t5(4096, 10240),
    "pile_t5xl": _t5(2048, 5120),
    "byt5_small": Layout("native", _BYT5, {"L": 12, "d": 1472}),
    "qwen3_06b": _language(1024),
    "qwen25_3b": _language(2048),
    "gemma2_2b": _language(2304),
    "qwen3_4b": _language(2560),
    "qwen3vl_4b": _language(2560),
    "ministral3_3b": _language(3072),
    "qwen25_7b": _language(3584),
    "gemma3_12b": _language(3840),
    "llama": _language(4096),
    "qwen3_8b": _language(4096),
    "qwen3vl_8b": _language(4096),
    "mistral3_24b": _language(5120),
}
