"""FLUX.1 (dev, Kontext, Krea, Redux; schnell; Fill; Canny and Depth) and Chroma.

The FLUX.1 models differ only around the blocks: the width of `img_in`, and `guidance_in`, which
schnell lacks. Chroma is FLUX.1 without modulation weights, with a guidance network in their place.
"""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_BLOCKS = """
double_blocks.<D>.(img|txt)_attn.qkv 3h h
double_blocks.<D>.(img|txt)_attn.proj h h
double_blocks.<D>.(img|txt)_attn.norm.(query_norm|key_norm) 128
double_blocks.<D>.(img|txt)_mlp.0 4h h
double_blocks.<D>.(img|txt)_mlp.2 h 4h
single_blocks.<S>.linear1 7h h
single_blocks.<S>.linear2 h 5h
single_blocks.<S>.norm.(query_norm|key_norm) 128
txt_in h 4096
"""
_DIFFUSERS_BLOCKS = """
transformer_blocks.<D>.attn.(to_q|to_k|to_v|to_out.0) h h
transformer_blocks.<D>.attn.(add_q_proj|add_k_proj|add_v_proj|to_add_out) h h
transformer_blocks.<D>.attn.(norm_q|norm_k|norm_added_q|norm_added_k) 128
transformer_blocks.<D>.(ff|ff_context).net.0.proj 4h h
transformer_blocks.<D>.(ff|ff_context).net.2 h 4h
single_transformer_blocks.<S>.attn.(to_q|to_k|to_v) h h
single_transformer_blocks.<S>.attn.(norm_q|norm_k) 128
single_transformer_blocks.<S>.proj_mlp 4h h
single_transformer_blocks.<S>.proj_out h 5h
context_embedder h 4096
x_embedder h img
proj_out 64 h
"""
_MODULATION = """
double_blocks.<D>.(img|txt)_mod.lin 6h h
single_blocks.<S>.modulation.lin 3h h
(time_in|vector_in).out_layer h h
time_in.in_layer h 256
vector_in.in_layer h 768
img_in h img
final_layer.linear 64 h
final_layer.adaLN_modulation.1 2h h
"""
_DIFFUSERS_MODULATION = """
transformer_blocks.<D>.(norm1|norm1_context).linear 6h h
single_transformer_blocks.<S>.norm.linear 3h h
time_text_embed.(timestep_embedder|text_embedder).linear_2 h h
time_text_embed.timestep_embedder.linear_1 h 256
time_text_embed.text_embedder.linear_1 h 768
norm_out.linear 2h h
"""
_GUIDANCE = """
guidance_in.in_layer h 256
guidance_in.out_layer h h
"""
_DIFFUSERS_GUIDANCE = """
time_text_embed.guidance_embedder.linear_1 h 256
time_text_embed.guidance_embedder.linear_2 h h
"""
# Attention processors of XLabs and USO; `keys.py` takes `.processor` out. 1 = image, 2 = text.
_XLABS = """
double_blocks.<D>.(qkv_lora1|qkv_lora2) 3h h
double_blocks.<D>.(proj_lora1|proj_lora2) h h
single_blocks.<S>.qkv 3h h
single_blocks.<S>.proj h 5h
"""
# The OMI specification numbers the parts of a fused weight: q, k, v, mlp.
_OMI = """
double_blocks.<D>.(img|txt)_attn.qkv.(0|1|2) h h
single_blocks.<S>.linear1.(0|1|2) h h
single_blocks.<S>.linear1.3 4h h
img_in.proj h img
"""
_CHROMA = """
distilled_guidance_layer.in_proj 5120 64
distilled_guidance_layer.layers.<0-4>.(in_layer|out_layer) 5120 5120
distilled_guidance_layer.norms.<0-4> 5120
distilled_guidance_layer.out_proj h 5120
"""
_PLAIN_ENDS = """
img_in h img
final_layer.linear 64 h
"""
_RADIANCE = """
img_in_patch h 3x16x16
nerf_image_embedder.embedder.0 64 67
nerf_blocks.<0-3>.param_generator 49152 h
nerf_blocks.<0-3>.norm 64
nerf_final_layer_conv.norm 64
nerf_final_layer_conv.conv 3 64x3x3
"""
_STACKS = ("double_blocks", "single_blocks", "transformer_blocks", "single_transformer_blocks")


def _flux(id_: str, title: str, img: int, guidance: bool, *claims: str) -> Architecture:
    sizes = {"h": 3072, "D": 19, "S": 38, "img": img}
    native = _BLOCKS + _MODULATION + (_GUIDANCE if guidance else "")
    other = _DIFFUSERS_BLOCKS + _DIFFUSERS_MODULATION + (_DIFFUSERS_GUIDANCE if guidance else "")
    tables = (("native", native), ("diffusers", other), ("xlabs", _XLABS), ("omi", _OMI))
    layouts = tuple(Layout(naming, table, sizes) for naming, table in tables)
    return Architecture(
        id_, title, ("clip_l", "t5xxl"), layouts, "flux1", ("flux1", *claims), _STACKS
    )


def _chroma(id_: str, title: str, more: str, *claims: str) -> Architecture:
    sizes = {"h": 3072, "D": 19, "S": 38, "img": 64}
    layouts = (
        Layout("native", _BLOCKS + _CHROMA + more, sizes),
        Layout("diffusers", _DIFFUSERS_BLOCKS + _CHROMA, sizes),
    )
    return Architecture(id_, title, ("t5xxl",), layouts, "chroma", ("chroma", *claims), _STACKS)


ARCHITECTURES = (
    _flux("flux_dev", "FLUX.1 dev", 64, True,
          "flux1dev", "fluxdev", "fluxdev1", "fluxkontext", "flux1kontext", "flux1krea"),
    _flux("flux_schnell", "FLUX.1 schnell", 64, False, "flux1schnell", "fluxschnell"),
    _flux("flux_fill", "FLUX.1 Fill", 384, True, "flux1fill", "flux1filldev", "fluxfilldev1"),
    _flux("flux_canny", "FLUX.1 Canny / Depth", 128, True,
          "flux1canny", "flux1cannydev", "flux1depth", "flux1depthdev"),
    _chroma("chroma", "Chroma", _PLAIN_ENDS),
    _chroma("chroma_radiance", "Chroma Radiance", _RADIANCE, "chromaradiance", "chroma1radiance"),
)  # fmt: skip
