"""Checkpoints of seven model families, with narrow blocks, that ComfyUI's stock loaders open.

    python tools/satchel_tools/launch.py support.tiny_checkpoints MODELS

writes them below a models folder that has the demo's files, with LoRAs for them. Names and block
structure are the real ones; widths are as small as the loaders' detection allows. Only with ComfyUI
on the path.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from .lora_cases.build import CaseFile, build
from .lora_cases.matrix import Case
from .meta_models import CONFIGS
from .model_families import FAMILIES, Family
from .tiny_vaes import SD_VAE, write_vaes

Tensors = dict[str, torch.Tensor]

_NARROW: dict[str, dict[str, Any]] = {
    "sd15": {"channel_mult": [1, 1, 1], "num_res_blocks": [2, 2, 2],
             "transformer_depth": [1, 1, 1, 1, 0, 0],
             "transformer_depth_output": [1, 1, 1, 1, 1, 1, 0, 0, 0]},
    "sd3_medium": {
        "depth": 4, "num_patches": 4096, "pos_embed_max_size": 64,
        "context_embedder_config": {
            "target": "torch.nn.Linear", "params": {"in_features": 4096, "out_features": 256},
        },
    },
    "flux_dev": {"hidden_size": 128, "num_heads": 1, "context_in_dim": 768, "depth": 5,
                 "depth_single_blocks": 11},
    "flux2_klein_4b": {"hidden_size": 128, "num_heads": 1, "context_in_dim": 768, "depth": 3,
                       "depth_single_blocks": 6},
    "wan21_1_3b": {"dim": 128, "num_heads": 1, "ffn_dim": 256, "num_layers": 6},
    "hunyuan_video": {"hidden_size": 128, "num_heads": 1, "context_in_dim": 768, "depth": 3,
                      "depth_single_blocks": 5},
    "ltxv_2b": {"num_layers": 6, "attention_head_dim": 4, "cross_attention_dim": 128},
}  # fmt: skip
"""Architecture -> what differs from its real configuration."""


def diffusion_model(family: Family) -> Any:
    """A family's model (a `comfy.model_base` object) with random weights in float32."""
    import comfy.model_detection
    import comfy.ops

    config = CONFIGS[family.architecture] | _NARROW[family.architecture]
    settings = comfy.model_detection.model_config_from_unet_config(config)
    assert settings is not None, family
    settings.set_inference_dtype(torch.float32, None)
    settings.custom_operations = comfy.ops.disable_weight_init
    model = settings.get_model({}, "", device="cpu")
    _randomize(model.diffusion_model)
    return model


def write_diffusion_model(family: Family, path: Path) -> dict[str, tuple[int, ...]]:
    """Writes a diffusion model's file; returns the shapes by the model's own keys."""
    model = diffusion_model(family)
    _save(path, _half(model.diffusion_model.state_dict(), family))
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


def write_lora(family: Family, shapes: Mapping[str, tuple[int, ...]], path: Path) -> CaseFile:
    """Writes a LoRA in the family's dialect, and beside it one that is weighted already.

    `weighted_name(path)` has the family's block weights multiplied into its ups, and lacks the
    modules that weigh 0.
    """
    case = Case(family.architecture, family.dialect, "lora", family.has_encoder)
    file = build(case, shapes)
    _save(path, file.tensors, file.metadata)
    weighted = dict(file.tensors)
    for written in file.written:
        factor = family.weight_of(written.key)
        for name in [name for name in weighted if name.startswith(f"{written.base}.")]:
            if factor == 0:
                del weighted[name]
            elif weighted[name] is written.tensors["up"]:
                # In float32, where halves and quarters are exact.
                weighted[name] = written.tensors["up"].float() * factor
    _save(weighted_name(path), weighted, file.metadata)
    return file


def weighted_name(path: Path) -> Path:
    return path.with_stem(f"{path.stem}-weighted")


def _randomize(model: torch.nn.Module) -> None:
    """Signals keep their size: 1 / sqrt(inputs); norms are about 1, biases about 0."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(numbers / math.sqrt(parameter[0].numel()))
            else:
                is_scale = "norm" in name and not name.endswith("bias")
                parameter.copy_(numbers * 0.05 + is_scale)


def _half(tensors: Tensors, family: Family) -> Tensors:
    half = torch.float16 if family.architecture == "sd15" else torch.bfloat16
    return {name: tensor.to(half) for name, tensor in tensors.items()}


def _save(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)


def write_all(models: Path) -> None:
    """Every family's model and LoRA, and decoders; SD 1.5 as a checkpoint with the demo's CLIP."""
    from satchel_tools.demo_models import CLIP

    write_vaes(models / "vae")
    for family in FAMILIES:
        path = models / family.folder / family.file
        shapes = write_diffusion_model(family, path)
        write_lora(family, shapes, models / "loras" / family.file)
        if family.folder == "checkpoints":
            _complete_checkpoint(path, models / CLIP.kind / CLIP.name, models / "vae" / SD_VAE)


def _complete_checkpoint(path: Path, encoder: Path, vae: Path) -> None:
    """Makes a diffusion model's file one of all three parts, named as SD 1.5's are."""
    parts = {
        "model.diffusion_model.": path,
        "cond_stage_model.transformer.": encoder,
        "first_stage_model.": vae,
    }
    tensors = {
        prefix + name: tensor for prefix, part in parts.items()
        for name, tensor in load_file(part).items()
    }  # fmt: skip
    whole = path.with_suffix(".whole")
    _save(whole, tensors)
    whole.replace(path)


if __name__ == "__main__":
    # ComfyUI's modules look for a GPU when they are imported, unless this is set before.
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    write_all(Path(sys.argv[1]))
