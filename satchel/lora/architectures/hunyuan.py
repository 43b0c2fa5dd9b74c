"""HunyuanVideo, HunyuanVideo 1.5 and HunyuanImage 2.1: FLUX.1's blocks after a token refiner.

Besides ComfyUI's and diffusers' names there are Tencent's own, which diffusion-pipe and
musubi-tuner write: `img_attn_qkv`, `img_mlp.fc1`, `img_mod.linear`.
"""

from __future__ import annotations

from .architecture import Architecture
from .layout import Layout

_COMMON = """
img_in.proj h img
(time_in|txt_in.t_embedder).in_layer h 256
(time_in|txt_in.t_embedder|txt_in.c_embedder).out_layer h h
(txt_in.input_embedder|txt_in.c_embedder.in_layer) h text
double_blocks.<D>.(img|txt)_attn.qkv 3h h
double_blocks.<D>.(img|txt)_attn.proj h h
txt_in.individual_token_refiner.blocks.<0-1>.(norm1|norm2) h
txt_in.individual_token_refiner.blocks.<0-1>.adaLN_modulation.1 2h h
txt_in.individual_token_refiner.blocks.<0-1>.self_attn.qkv 3h h
txt_in.individual_token_refiner.blocks.<0-1>.self_attn.proj h h
final_layer.linear channels h
final_layer.adaLN_modulation.1 2h h
"""
_NATIVE = (
    _COMMON
    + """
double_blocks.<D>.(img|txt)_attn.norm.(query_norm|key_norm) 128
double_blocks.<D>.(img|txt)_mlp.0 4h h
double_blocks.<D>.(img|txt)_mlp.2 h 4h
double_blocks.<D>.(img|txt)_mod.lin 6h h
txt_in.individual_token_refiner.blocks.<0-1>.mlp.0 4h h
txt_in.individual_token_refiner.blocks.<0-1>.mlp.2 h 4h
"""
)
_SINGLE = """
single_blocks.<S>.linear1 7h h
single_blocks.<S>.linear2 h 5h
"""
_NATIVE_SINGLE = (
    _SINGLE
    + """
single_blocks.<S>.norm.(query_norm|key_norm) 128
single_blocks.<S>.modulation.lin 3h h
"""
)
_TENCENT = (
    _COMMON
    + """
double_blocks.<D>.(img|txt)_attn.(q|k|v) h h
double_blocks.<D>.(img|txt)_mlp.fc1 4h h
double_blocks.<D>.(img|txt)_mlp.fc2 h 4h
double_blocks.<D>.(img|txt)_mod.linear 6h h
txt_in.individual_token_refiner.blocks.<0-1>.mlp.fc1 4h h
txt_in.individual_token_refiner.blocks.<0-1>.mlp.fc2 h 4h
"""
)
_TENCENT_SINGLE = _SINGLE + "single_blocks.<S>.modulation.linear 3h h\n"
_DIFFUSERS = """
transformer_blocks.<D>.attn.(to_q|to_k|to_v|to_out.0) h h
transformer_blocks.<D>.attn.(add_q_proj|add_k_proj|add_v_proj|to_add_out) h h
transformer_blocks.<D>.(ff|ff_context).net.0.proj 4h h
transformer_blocks.<D>.(ff|ff_context).net.2 h 4h
transformer_blocks.<D>.(norm1|norm1_context).linear 6h h
"""
_DIFFUSERS_SINGLE = """
single_transformer_blocks.<S>.attn.(to_q|to_k|to_v) h h
single_transformer_blocks.<S>.proj_mlp 4h h
single_transformer_blocks.<S>.proj_out h 5h
single_transformer_blocks.<S>.norm.linear 3h h
"""
_VECTOR = """
vector_in.in_layer h 768
(vector_in|guidance_in).out_layer h h
guidance_in.in_layer h 256
"""
_GLYPHS = """
byt5_in.layernorm 1472
byt5_in.fc1 2048 1472
byt5_in.fc2 2048 2048
byt5_in.fc3 h 2048
"""
_VISION = """
cond_type_embedding 3 h
vision_in.proj.(0|4) ?
vision_in.proj.1 1152 1152
vision_in.proj.3 h 1152
"""
_TABLES = {"native": _NATIVE, "tencent": _TENCENT, "diffusers": _DIFFUSERS}
_SINGLES = {"native": _NATIVE_SINGLE, "tencent": _TENCENT_SINGLE, "diffusers": _DIFFUSERS_SINGLE}
_STACKS = ("double_blocks", "single_blocks", "transformer_blocks", "single_transformer_blocks")


def _hunyuan(
    id_: str,
    title: str,
    encoders: tuple[str, ...],
    sizes: dict[str, int],
    img: str,
    ends: str,
    *claims: str,
) -> Architecture:
    layouts = []
    for naming, table in _TABLES.items():
        rows = table.replace("img_in.proj h img", f"img_in.proj h {img}")
        rows += _SINGLES[naming] if "S" in sizes else ""
        rows += ends if naming != "diffusers" else ""
        layouts.append(Layout(naming, rows, sizes))
    return Architecture(id_, title, encoders, tuple(layouts), claims=claims, stacks=_STACKS)


ARCHITECTURES = (
    _hunyuan("hunyuan_video", "HunyuanVideo", ("clip_l", "llama"),
             {"h": 3072, "D": 20, "S": 40, "text": 4096, "channels": 64}, "16x1x2x2", _VECTOR,
             "hunyuanvideo", "framepack"),
    _hunyuan("hunyuan_video_15", "HunyuanVideo 1.5", ("qwen25_7b", "byt5_small"),
             {"h": 2048, "D": 54, "text": 3584, "channels": 32}, "65x1x1x1", _GLYPHS + _VISION,
             "hunyuanvideo15"),
    _hunyuan("hunyuan_image_21", "HunyuanImage 2.1", ("qwen25_7b", "byt5_small"),
             {"h": 3584, "D": 20, "S": 40, "text": 3584, "channels": 64}, "64x1x1", _GLYPHS,
             "hunyuanimage", "hunyuanimage21"),
)  # fmt: skip
