"""Models at true size without their bytes (torch's meta device), built from ComfyUI's classes.

Names and shapes are the real ones; weights are not there. Only with ComfyUI on the path.
The configurations are what ComfyUI's `model_detection` finds in each model's own files.
"""

from __future__ import annotations

from functools import cache
from typing import Any

Config = dict[str, Any]

_FLUX: Config = {
    "image_model": "flux", "axes_dim": [16, 56, 56], "num_heads": 24, "mlp_ratio": 4.0,
    "theta": 10000, "out_channels": 16, "qkv_bias": True, "txt_ids_dims": [], "in_channels": 16,
    "hidden_size": 3072, "context_in_dim": 4096, "patch_size": 2, "vec_in_dim": 768, "depth": 19,
    "depth_single_blocks": 38, "guidance_embed": True, "yak_mlp": False, "txt_norm": False,
}  # fmt: skip
_NOT_IN_CHROMA = ("guidance_embed", "yak_mlp", "txt_norm")
_CHROMA = {k: v for k, v in _FLUX.items() if k not in _NOT_IN_CHROMA} | {
    "image_model": "chroma", "in_channels": 64, "out_channels": 64, "in_dim": 64, "out_dim": 3072,
    "hidden_dim": 5120, "n_layers": 5, "vec_in_dim": None,
}  # fmt: skip
_RADIANCE = _CHROMA | {
    "image_model": "chroma_radiance", "in_channels": 3, "out_channels": 3, "patch_size": 16,
    "nerf_hidden_size": 64, "nerf_mlp_ratio": 4, "nerf_depth": 4, "nerf_max_freqs": 8,
    "nerf_tile_size": 512, "nerf_final_head_type": "conv", "nerf_embedder_dtype": None,
    "use_x0": False, "use_sequential_txt_ids": False,
}  # fmt: skip
_LUMINA: Config = {
    "image_model": "lumina2", "patch_size": 2, "in_channels": 16, "qk_norm": True,
}  # fmt: skip


def _flux2(hidden: int, context: int, double: int, single: int, guidance: bool) -> Config:
    return {
        "image_model": "flux2", "axes_dim": [32, 32, 32, 32], "mlp_ratio": 3.0, "theta": 2000,
        "out_channels": 128, "global_modulation": True, "mlp_silu_act": True, "qkv_bias": False,
        "ops_bias": False, "default_ref_method": "index", "ref_index_scale": 10.0,
        "txt_ids_dims": [3], "in_channels": 128, "patch_size": 1, "vec_in_dim": None,
        "yak_mlp": False, "txt_norm": False, "hidden_size": hidden, "num_heads": hidden // 128,
        "context_in_dim": context, "depth": double, "depth_single_blocks": single,
        "guidance_embed": guidance,
    }  # fmt: skip


def _unet(
    channels: int, multiples: list[int], depth: list[int], depth_out: list[int], depth_middle: int,
    context: int, linear: bool, vector: int | None,
) -> Config:  # fmt: skip
    config: Config = {
        "use_checkpoint": False, "image_size": 32, "use_spatial_transformer": True,
        "legacy": False, "in_channels": 4, "out_channels": 4, "model_channels": channels,
        "num_res_blocks": [2] * len(multiples), "transformer_depth": depth,
        "transformer_depth_output": depth_out, "channel_mult": multiples,
        "transformer_depth_middle": depth_middle, "use_linear_in_transformer": linear,
        "context_dim": context, "adm_in_channels": vector, "use_temporal_resblock": False,
        "use_temporal_attention": False,
    }  # fmt: skip
    return config | ({} if vector is None else {"num_classes": "sequential"})


def _sd1(context: int, linear: bool) -> Config:
    return _unet(320, [1, 2, 4, 4], [1] * 6 + [0] * 2, [1] * 9 + [0] * 3, 1, context, linear, None)


def _mmdit(depth: int, patches: int = 36864, rms: bool = False, dual: range = range(0)) -> Config:
    config: Config = {
        "in_channels": 16, "patch_size": 2, "out_channels": 16, "depth": depth, "input_size": None,
        "adm_in_channels": 2048, "num_patches": patches,
        "context_embedder_config": {
            "target": "torch.nn.Linear",
            "params": {"in_features": 4096, "out_features": depth * 64},
        },
        "pos_embed_max_size": round(patches**0.5), "pos_embed_scaling_factor": None,
        "x_block_self_attn_layers": list(dual),
    }  # fmt: skip
    return config | ({"qk_norm": "rms"} if rms else {})


def _wan(dim: int, hidden: int, layers: int, inputs: int = 16, kind: str = "t2v", **more: Any):
    return {
        "image_model": "wan2.1", "dim": dim, "out_dim": 16, "num_heads": dim // 128,
        "ffn_dim": hidden, "num_layers": layers, "patch_size": (1, 2, 2), "freq_dim": 256,
        "window_size": (-1, -1), "qk_norm": True, "cross_attn_norm": True, "eps": 1e-6,
        "in_dim": inputs, "model_type": kind, **more,
    }  # fmt: skip


def _hunyuan(hidden: int, double: int, single: int, context: int, patch: list[int], **more: Any):
    return {
        "image_model": "hunyuan_video", "patch_size": patch, "meanflow": False,
        "axes_dim": [64, 64] if len(patch) == 2 else [16, 56, 56], "context_in_dim": context,
        "hidden_size": hidden, "mlp_ratio": 4.0, "num_heads": hidden // 128, "depth": double,
        "depth_single_blocks": single, "theta": 256, "qkv_bias": True, "byt5": False,
        "vec_in_dim": None, "guidance_embed": False, "use_cond_type_embedding": False,
        "vision_in_dim": None, "meanflow_sum": False, **more,
    }  # fmt: skip


def _cosmos(channels: int, blocks: int, heads: int, model: str = "cosmos_predict2") -> Config:
    extrapolation = {"h": 4.0, "w": 4.0, "t": 1.0}
    return {
        "image_model": model, "max_img_h": 240, "max_img_w": 240, "max_frames": 128,
        "in_channels": 16, "out_channels": 16, "patch_spatial": 2, "patch_temporal": 1,
        "model_channels": channels, "concat_padding_mask": True, "crossattn_emb_channels": 1024,
        "pos_emb_cls": "rope3d", "pos_emb_learnable": True, "pos_emb_interpolation": "crop",
        "min_fps": 1, "max_fps": 30, "use_adaln_lora": True, "adaln_lora_dim": 256,
        "num_blocks": blocks, "num_heads": heads, "extra_per_block_abs_pos_emb": False,
        **{f"rope_{axis}_extrapolation_ratio": ratio for axis, ratio in extrapolation.items()},
        **{f"extra_{axis}_extrapolation_ratio": 1.0 for axis in extrapolation},
        "rope_enable_fps_modulation": False,
    }  # fmt: skip


def _ltx(layers: int, width: int, context: int, model: str = "ltxv") -> Config:
    return {"image_model": model, "num_layers": layers, "attention_head_dim": width,
            "cross_attention_dim": context}  # fmt: skip


CONFIGS: dict[str, Config] = {
    "sd15": _sd1(768, False),
    "sd21": _sd1(1024, True),
    "sdxl": _unet(320, [1, 2, 4], [0, 0, 2, 2, 10, 10], [0, 0, 0, 2, 2, 2, 10, 10, 10], 10, 2048,
                  True, 2816),
    "sdxl_refiner": _unet(384, [1, 2, 4, 4], [0, 0, 4, 4, 4, 4, 0, 0],
                          [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0], 4, 1280, True, 2560),
    "sd3_medium": _mmdit(24),
    "sd35_large": _mmdit(38, rms=True),
    "sd35_medium": _mmdit(24, patches=147456, rms=True, dual=range(13)),
    "flux_dev": _FLUX,
    "flux_schnell": _FLUX | {"guidance_embed": False},
    "flux_fill": _FLUX | {"in_channels": 96},
    "flux_canny": _FLUX | {"in_channels": 32},
    "chroma": _CHROMA,
    "chroma_radiance": _RADIANCE,
    "flux2_dev": _flux2(6144, 15360, 8, 48, True),
    "flux2_klein_9b": _flux2(4096, 12288, 8, 24, False),
    "flux2_klein_4b": _flux2(3072, 7680, 5, 20, False),
    "qwen_image": {"image_model": "qwen_image", "in_channels": 64, "num_layers": 60},
    "z_image": _LUMINA | {
        "dim": 3840, "cap_feat_dim": 2560, "n_layers": 30, "n_heads": 30, "n_kv_heads": 30,
        "axes_dims": [32, 48, 48], "axes_lens": [1536, 512, 512], "rope_theta": 256.0,
        "ffn_dim_multiplier": 8.0 / 3.0, "z_image_modulation": True, "time_scale": 1000.0,
        "pad_tokens_multiple": 32,
    },
    "lumina2": _LUMINA | {
        "dim": 2304, "cap_feat_dim": 2304, "n_layers": 26, "n_heads": 24, "n_kv_heads": 8,
        "axes_dims": [32, 32, 32], "axes_lens": [300, 512, 512], "rope_theta": 10000.0,
        "ffn_dim_multiplier": 4.0,
    },
    "wan21_1_3b": _wan(1536, 8960, 30),
    "wan21_14b": _wan(5120, 13824, 40),
    "wan21_i2v_14b": _wan(5120, 13824, 40, inputs=36, kind="i2v"),
    "wan22_i2v_14b": _wan(5120, 13824, 40, inputs=36),
    "wan22_5b": _wan(3072, 14336, 30, inputs=48) | {"out_dim": 48},
    "wan21_vace_14b": _wan(5120, 13824, 40, kind="vace", vace_in_dim=96, vace_layers=8),
    "hunyuan_video": _hunyuan(3072, 20, 40, 4096, [1, 2, 2], in_channels=16, out_channels=16,
                              vec_in_dim=768, guidance_embed=True),
    "hunyuan_video_15": _hunyuan(2048, 54, 0, 3584, [1, 1, 1], in_channels=65, out_channels=32,
                                 byt5=True, vision_in_dim=1152, meanflow_sum=True,
                                 use_cond_type_embedding=True),
    "hunyuan_image_21": _hunyuan(3584, 20, 40, 3584, [1, 1], in_channels=64, out_channels=64,
                                 byt5=True),
    "ltxv_2b": _ltx(28, 64, 2048),
    "ltxv_13b": _ltx(48, 128, 4096),
    "ltx2": _ltx(48, 128, 4096, "ltxav"),
    "hidream_i1": {
        "image_model": "hidream", "attention_head_dim": 128, "axes_dims_rope": [64, 32, 32],
        "caption_channels": [4096, 4096], "max_resolution": [128, 128], "in_channels": 16,
        "llama_layers": [*range(31), *[31] * 17], "num_attention_heads": 20,
        "num_routed_experts": 4, "num_activated_experts": 2, "num_layers": 16,
        "num_single_layers": 32, "out_channels": 16, "patch_size": 2, "text_emb_dim": 2048,
    },
    "auraflow": {"max_seq": 4096, "cond_seq_dim": 2048, "n_double_layers": 4, "n_layers": 36},
    "anima": _cosmos(2048, 28, 16, "anima"),
    "cosmos_predict2_2b": _cosmos(2048, 28, 16),
    "cosmos_predict2_14b": _cosmos(5120, 36, 40),
    "pixart_sigma": {
        "image_model": "pixart_sigma", "num_heads": 16, "patch_size": 2, "hidden_size": 1152,
        "in_channels": 4, "depth": 28, "model_max_length": 300, "micro_condition": False,
        "input_size": 128, "pe_interpolation": 2,
    },
    "omnigen2": {
        "image_model": "omnigen2", "axes_dim_rope": [40, 40, 40], "axes_lens": [1024, 1664, 1664],
        "ffn_dim_multiplier": None, "hidden_size": 2520, "in_channels": 16, "multiple_of": 256,
        "norm_eps": 1e-05, "num_attention_heads": 21, "num_kv_heads": 7, "num_layers": 32,
        "num_refiner_layers": 2, "out_channels": None, "patch_size": 2, "text_feat_dim": 2048,
        "timestep_scale": 1000.0,
    },
    "krea2": {"image_model": "krea2", "features": 6144, "channels": 16, "patch": 2, "layers": 28,
              "heads": 48, "kvheads": 12, "txtlayers": 12, "txtdim": 2560},
    "ernie_image": {"image_model": "ernie"},
    "ideogram4": {"image_model": "ideogram4", "in_channels": 128, "num_layers": 34},
}  # fmt: skip
"""Architecture -> what ComfyUI detects in its checkpoint."""
_ENCODERS_OF = {
    "sd15": "sd1", "sd21": "sd2", "sdxl": "sdxl", "sd3_medium": "sd3", "sd35_large": "sd3",
    "sd35_medium": "sd3", "flux_dev": "flux", "flux_schnell": "flux", "flux_fill": "flux",
    "chroma": "t5", "anima": "anima",
}  # fmt: skip


class MetaClip:
    """As much of ComfyUI's CLIP as patching needs."""

    def __init__(self, cond_stage_model: Any, patcher: Any) -> None:
        self.cond_stage_model = cond_stage_model
        self.patcher = patcher

    def clone(self) -> MetaClip:
        return MetaClip(self.cond_stage_model, self.patcher.clone())


def meta_model(architecture: str) -> Any:
    """A ModelPatcher around an architecture's diffusion model."""
    import comfy.model_detection
    import comfy.ops
    import torch

    config = dict(CONFIGS[architecture])
    if "nerf_embedder_dtype" in config:
        config["nerf_embedder_dtype"] = torch.float32
    settings = comfy.model_detection.model_config_from_unet_config(config)
    assert settings is not None, architecture
    settings.set_inference_dtype(torch.bfloat16, None)
    settings.custom_operations = comfy.ops.disable_weight_init
    return _patcher(settings.get_model({}, "", device="meta"))


@cache
def meta_clip(architecture: str) -> MetaClip | None:
    """The text encoders that trainers adapt beside an architecture; None where they do not."""
    kind = _ENCODERS_OF.get(architecture)
    return None if kind is None else _encoder(kind)


@cache
def _encoder(kind: str) -> MetaClip:
    import comfy.ops
    import comfy.sd1_clip
    import comfy.sdxl_clip
    import comfy.text_encoders.anima
    import comfy.text_encoders.flux
    import comfy.text_encoders.pixart_t5
    import comfy.text_encoders.sd2_clip
    import comfy.text_encoders.sd3_clip
    import torch

    half = torch.bfloat16
    classes = {
        "sd1": lambda: comfy.sd1_clip.SD1ClipModel,
        "sd2": lambda: comfy.text_encoders.sd2_clip.SD2ClipModel,
        "sdxl": lambda: comfy.sdxl_clip.SDXLClipModel,
        "sd3": lambda: comfy.text_encoders.sd3_clip.sd3_clip(True, True, True, dtype_t5=half),
        "flux": lambda: comfy.text_encoders.flux.flux_clip(dtype_t5=half),
        "t5": lambda: comfy.text_encoders.pixart_t5.pixart_te(dtype_t5=half),
        "anima": lambda: comfy.text_encoders.anima.te(dtype_llama=half),
    }
    options = {"custom_operations": comfy.ops.disable_weight_init}
    model = classes[kind]()(device=torch.device("meta"), dtype=half, model_options=options)
    return MetaClip(model, _patcher(model))


def _patcher(model: Any) -> Any:
    import comfy.model_patcher
    import torch

    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(model, load_device=cpu, offload_device=cpu, size=1)


def shapes_of(patcher: Any) -> dict[str, tuple[int, ...]]:
    """State-dict key -> shape."""
    return {key: tuple(value.shape) for key, value in patcher.model.state_dict().items()}
