"""FLUX.2 dev and klein: FLUX.1's blocks with gated MLPs and modulation shared by all blocks."""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_NATIVE = """
img_in h 128
txt_in h text
time_in.in_layer h 256
time_in.out_layer h h
double_blocks.<D>.(img|txt)_attn.qkv 3h h
double_blocks.<D>.(img|txt)_attn.proj h h
double_blocks.<D>.(img|txt)_attn.norm.(query_norm|key_norm) 128
double_blocks.<D>.(img|txt)_mlp.0 6h h
double_blocks.<D>.(img|txt)_mlp.2 h 3h
single_blocks.<S>.linear1 9h h
single_blocks.<S>.linear2 h 4h
single_blocks.<S>.norm.(query_norm|key_norm) 128
(double_stream_modulation_img|double_stream_modulation_txt).lin 6h h
single_stream_modulation.lin 3h h
final_layer.linear 128 h
final_layer.adaLN_modulation.1 2h h
"""
_DIFFUSERS = """
x_embedder h 128
context_embedder h text
time_guidance_embed.timestep_embedder.linear_1 h 256
time_guidance_embed.timestep_embedder.linear_2 h h
transformer_blocks.<D>.attn.(to_q|to_k|to_v|to_out.0) h h
transformer_blocks.<D>.attn.(add_q_proj|add_k_proj|add_v_proj|to_add_out) h h
transformer_blocks.<D>.(ff|ff_context).linear_in 6h h
transformer_blocks.<D>.(ff|ff_context).linear_out h 3h
single_transformer_blocks.<S>.attn.to_qkv_mlp_proj 9h h
single_transformer_blocks.<S>.attn.to_out h 4h
(double_stream_modulation_img|double_stream_modulation_txt).linear 6h h
single_stream_modulation.linear 3h h
proj_out 128 h
norm_out.linear 2h h
"""
# klein is distilled: no guidance.
_GUIDANCE = """
guidance_in.in_layer h 256
guidance_in.out_layer h h
"""
_DIFFUSERS_GUIDANCE = """
time_guidance_embed.guidance_embedder.linear_1 h 256
time_guidance_embed.guidance_embedder.linear_2 h h
"""
_STACKS = ("double_blocks", "single_blocks", "transformer_blocks", "single_transformer_blocks")


def _flux2(
    id_: str, title: str, encoder: str, sizes: tuple[int, int, int, int], *claims: str
) -> Architecture:
    names = dict(zip(("h", "D", "S", "text"), sizes, strict=True))
    native, other = _NATIVE, _DIFFUSERS
    if id_ == "flux2_dev":
        native, other = native + _GUIDANCE, other + _DIFFUSERS_GUIDANCE
    layouts = (Layout("native", native, names), Layout("diffusers", other, names))
    return Architecture(id_, title, (encoder,), layouts, claims=("flux2", *claims), stacks=_STACKS)


ARCHITECTURES = (
    _flux2("flux2_dev", "FLUX.2 dev", "mistral3_24b", (6144, 8, 48, 15360), "flux2dev"),
    _flux2("flux2_klein_9b", "FLUX.2 klein 9B", "qwen3_8b", (4096, 8, 24, 12288),
           "flux2klein", "flux2klein9b"),
    _flux2("flux2_klein_4b", "FLUX.2 klein 4B", "qwen3_4b", (3072, 5, 20, 7680),
           "flux2klein", "flux2klein4b"),
)  # fmt: skip
