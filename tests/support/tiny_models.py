"""Small models of true structure with random weights, built from ComfyUI's own classes.

Only for tests that run inside the host: call these with ComfyUI on the path.
"""

from __future__ import annotations

from typing import Any

import torch

_SD15 = {
    "use_checkpoint": False, "image_size": 32, "use_spatial_transformer": True, "legacy": False,
    "in_channels": 4, "out_channels": 4, "model_channels": 32, "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0], "channel_mult": [1, 2, 4, 4],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1, "use_linear_in_transformer": False, "context_dim": 48,
    "adm_in_channels": None, "use_temporal_resblock": False, "use_temporal_attention": False,
}  # fmt: skip
_FLUX = {
    "image_model": "flux", "axes_dim": [16, 56, 56], "num_heads": 1, "mlp_ratio": 4.0,
    "theta": 10000, "out_channels": 16, "qkv_bias": True, "txt_ids_dims": [], "in_channels": 16,
    "hidden_size": 128, "context_in_dim": 64, "patch_size": 2, "vec_in_dim": 32, "depth": 2,
    "depth_single_blocks": 3, "guidance_embed": True, "yak_mlp": False, "txt_norm": False,
}  # fmt: skip


def tiny_sd15(dtype: torch.dtype = torch.float32) -> Any:
    """A ModelPatcher around SD 1.5's UNet, 32 channels wide; all 25 blocks, all true names."""
    import comfy.supported_models

    return _patcher(comfy.supported_models.SD15, _SD15, dtype)


def tiny_flux(dtype: torch.dtype = torch.float32) -> Any:
    """A ModelPatcher around Flux with 2 double and 3 single blocks, 128 wide."""
    import comfy.supported_models

    return _patcher(comfy.supported_models.Flux, _FLUX, dtype)


def clip_l(dtype: torch.dtype = torch.float16) -> Any:
    """SD 1.5's CLIP at true size (its sizes are fixed in the host), with random weights."""
    import comfy.sd
    import comfy.sd1_clip

    class Target:
        params: dict[str, Any] = {}
        clip = comfy.sd1_clip.SD1ClipModel
        tokenizer = comfy.sd1_clip.SD1Tokenizer

    clip = comfy.sd.CLIP(Target, model_options={"dtype": dtype})
    _randomize(clip.cond_stage_model)
    return clip


def _patcher(kind: Any, config: dict[str, Any], dtype: torch.dtype) -> Any:
    import comfy.model_patcher
    import comfy.ops

    settings = kind(dict(config))
    settings.set_inference_dtype(dtype, None)
    settings.custom_operations = comfy.ops.disable_weight_init
    model = settings.get_model({}, "", device="cpu").eval()
    _randomize(model)
    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(model, load_device=cpu, offload_device=cpu)


def _randomize(model: torch.nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.05, 0.05, generator=generator)
