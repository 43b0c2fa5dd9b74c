"""True-size models for the benchmark of LoRA stacks, of random weights, and LoRAs for them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

LORAS, RANK, ALPHA = 8, 32, 16.0

SD15 = {
    "use_checkpoint": False, "image_size": 32, "use_spatial_transformer": True, "legacy": False,
    "in_channels": 4, "out_channels": 4, "model_channels": 320, "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0], "channel_mult": [1, 2, 4, 4],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1, "use_linear_in_transformer": False, "context_dim": 768,
    "adm_in_channels": None, "use_temporal_resblock": False, "use_temporal_attention": False,
}  # fmt: skip
FLUX = {
    "image_model": "flux", "axes_dim": [16, 56, 56], "num_heads": 24, "mlp_ratio": 4.0,
    "theta": 10000, "out_channels": 16, "qkv_bias": True, "txt_ids_dims": [], "in_channels": 16,
    "hidden_size": 3072, "context_in_dim": 64, "patch_size": 2, "vec_in_dim": 32, "depth": 0,
    "depth_single_blocks": 8, "guidance_embed": False, "yak_mlp": False, "txt_norm": False,
}  # fmt: skip
CONFIGS = {"sd15": ("SD15", SD15), "flux": ("Flux", FLUX)}
"""Name -> the host's class, and what it builds the model from."""


def use_folder(directory: Path) -> None:
    import folder_paths

    folder_paths.folder_names_and_paths["loras"] = ([str(directory)], {".safetensors"})
    folder_paths.filename_list_cache.clear()


def build(model_name: str, dtype: Any) -> Any:
    import comfy.model_patcher
    import comfy.ops
    import comfy.supported_models
    import torch

    kind, config = CONFIGS[model_name]
    settings = getattr(comfy.supported_models, kind)(dict(config))
    settings.set_inference_dtype(dtype, None)
    settings.custom_operations = comfy.ops.disable_weight_init
    model = settings.get_model({}, "", device="cpu").eval()
    noise = torch.empty(1 << 22).uniform_(-0.05, 0.05)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("transformer_blocks", "proj_", "linear")):
                for part in parameter.view(-1).split(len(noise)):  # the rest is not patched
                    part.copy_(noise[: len(part)])
    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(model, load_device=cpu, offload_device=cpu)


def modules_of(model_name: str, patcher: Any) -> dict[str, tuple[int, ...]]:
    """Name in a file -> shape: what sd-scripts trains by default, without Flux's modulation."""
    import comfy.utils

    shapes = {key: tuple(value.shape) for key, value in patcher.model.state_dict().items()}
    if model_name == "flux":
        return {
            f"single_blocks_{n}_{part}": shapes[f"diffusion_model.single_blocks.{n}.{part}.weight"]
            for n in range(FLUX["depth_single_blocks"])
            for part in ("linear1", "linear2")
        }
    return {
        name.removesuffix(".weight").replace(".", "_"): shapes[f"diffusion_model.{native}"]
        for name, native in comfy.utils.unet_to_diffusers(SD15).items()
        if "attentions" in name and name.endswith(".weight") and "norm" not in name
    }


def write_loras(modules: dict[str, tuple[int, ...]], directory: Path, rank: int) -> list[str]:
    """LoRAs as sd-scripts writes them."""
    import torch
    from safetensors.torch import save_file

    directory.mkdir(exist_ok=True)
    names = [f"{n}.safetensors" for n in range(LORAS)]
    for n, name in enumerate(names):
        if (directory / name).exists():
            continue
        noise = Noise(n)
        tensors = {}
        for module, (out, width, *kernel) in modules.items():
            base = f"lora_unet_{module}"
            ones = [1] * len(kernel)
            tensors[f"{base}.lora_up.weight"] = noise.part(out, rank, *ones)
            tensors[f"{base}.lora_down.weight"] = noise.part(rank, width, *kernel)
            tensors[f"{base}.alpha"] = torch.tensor(ALPHA)
        save_file(tensors, directory / name)
    return names


class Noise:
    """Random numbers, drawn once, of which each tensor gets another part."""

    def __init__(self, seed: int) -> None:
        import torch

        generator = torch.Generator().manual_seed(seed)
        self._numbers = torch.randn(1 << 23, generator=generator).half() * 0.02
        self._start = 0

    def part(self, *shape: int) -> Any:
        self._start = (self._start + 65537) % (1 << 20)
        return self._numbers.narrow(0, self._start, math.prod(shape)).clone().reshape(shape)
