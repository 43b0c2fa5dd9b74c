"""Model files for the demo: small or random, but opened by ComfyUI's stock loaders.

Needs ComfyUI and torch on the path. Weights are random with fixed seeds, so the images are
abstract, and the same on every run of one machine.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

RANK = 8
_KOHYA_UNET = ("lora_unet_down_blocks", "lora_unet_up_blocks", "lora_unet_mid_block")


@dataclass(frozen=True)
class DemoFile:
    """One file and how the stand-in marketplace lists it."""

    kind: str
    name: str
    """Name below the kind's folder on the author's machine."""
    title: str
    type: str
    """Model type on the marketplace."""
    file_type: str = "Model"


UNET = DemoFile("diffusion_models", "sd15/tiny-sd15.safetensors", "Tiny SD 1.5", "Checkpoint")
CLIP = DemoFile("text_encoders", "random-clip-l.safetensors", "Random CLIP-L", "TextEncoder")
VAE = DemoFile("vae", "random-sd-vae.safetensors", "Random SD VAE", "VAE", "VAE")
LORAS = (
    DemoFile("loras", "style/ink-wash.safetensors", "Ink Wash", "LORA"),
    DemoFile("loras", "style/paper-grain.safetensors", "Paper Grain", "LORA"),
    DemoFile("loras", "warm-light.safetensors", "Warm Light", "LORA"),
    DemoFile("loras", "night-sky.safetensors", "Night Sky", "LORA"),
)
ALL_FILES = (UNET, CLIP, VAE, *LORAS)

Tensors = dict[str, Any]


def make_models(models: Path) -> None:
    """Writes all demo files below a models folder."""
    # ComfyUI's modules look for a GPU when they are imported, unless this is set before.
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    import torch

    unet = _unet()
    makers: list[tuple[DemoFile, Callable[[], Tensors]]] = [
        (UNET, lambda: _half(unet.diffusion_model.state_dict())),
        (CLIP, _clip_l),
        (VAE, _vae),
    ]
    makers += [(file, partial(_lora, unet, seed)) for seed, file in enumerate(LORAS, start=1)]
    with torch.no_grad():
        for file, make in makers:
            _write(models / file.kind / file.name, make(), file)


def _write(path: Path, tensors: Tensors, file: DemoFile) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"modelspec.title": file.title}
    if file.kind == "loras":
        metadata |= {"ss_base_model_version": "sd_v1", "ss_network_dim": str(RANK)}
    save_file(tensors, path, metadata)


def _half(tensors: Tensors) -> Tensors:
    import torch

    return {name: tensor.to(torch.float16).contiguous() for name, tensor in tensors.items()}


def _unet() -> Any:
    """A real SD 1.5 UNet with two levels instead of four (89 MB in fp16)."""
    import comfy.ops
    import comfy.supported_models
    import torch

    config = {
        "use_checkpoint": False, "image_size": 32, "use_spatial_transformer": True,
        "legacy": False, "in_channels": 4, "out_channels": 4, "model_channels": 320,
        "num_res_blocks": [1, 1], "transformer_depth": [1, 1],
        "transformer_depth_output": [1, 1, 1, 1], "channel_mult": [1, 1],
        "transformer_depth_middle": 1, "use_linear_in_transformer": False, "context_dim": 768,
        "adm_in_channels": None, "use_temporal_resblock": False, "use_temporal_attention": False,
    }  # fmt: skip
    model_config = comfy.supported_models.SD15(config)
    model_config.set_inference_dtype(torch.float32, None)
    model_config.custom_operations = comfy.ops.disable_weight_init
    model = model_config.get_model({}, "", device="cpu")
    _randomise(model.diffusion_model.named_parameters(), seed=100)
    return model


def _clip_l() -> Tensors:
    """CLIP-L's text model under its usual names: 12 layers of width 768."""
    import torch

    width, hidden, layers = 768, 3072, 12
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.token_embedding.weight": (49408, width),
        "embeddings.position_embedding.weight": (77, width),
        "final_layer_norm.weight": (width,),
        "final_layer_norm.bias": (width,),
    }
    for layer in range(layers):
        prefix = f"encoder.layers.{layer}"
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"{prefix}.self_attn.{name}.weight"] = (width, width)
            shapes[f"{prefix}.self_attn.{name}.bias"] = (width,)
        shapes[f"{prefix}.mlp.fc1.weight"], shapes[f"{prefix}.mlp.fc1.bias"] = (
            (hidden, width),
            (hidden,),
        )
        shapes[f"{prefix}.mlp.fc2.weight"], shapes[f"{prefix}.mlp.fc2.bias"] = (
            (width, hidden),
            (width,),
        )
        for norm in ("layer_norm1", "layer_norm2"):
            shapes[f"{prefix}.{norm}.weight"] = shapes[f"{prefix}.{norm}.bias"] = (width,)
    tensors = {f"text_model.{name}": torch.empty(shape) for name, shape in shapes.items()}
    _randomise(tensors.items(), seed=200)
    return _half(tensors)


def _vae() -> Tensors:
    """The SD 1.x autoencoder at its true size, under its usual names."""
    import comfy.ldm.models.autoencoder as autoencoder

    config = {
        "double_z": True, "z_channels": 4, "resolution": 256, "in_channels": 3, "out_ch": 3,
        "ch": 128, "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_resolutions": [],
        "dropout": 0.0,
    }  # fmt: skip
    vae = autoencoder.AutoencoderKL(ddconfig=config, embed_dim=4)
    _randomise(vae.named_parameters(), seed=300)
    return _half(vae.state_dict())


def _lora(unet: Any, seed: int) -> Tensors:
    """A LoRA for the demo's UNet and CLIP-L; odd seeds in kohya's names, even ones in ComfyUI's."""
    import comfy.lora
    import torch

    generator = torch.Generator().manual_seed(400 + seed)
    weights = unet.state_dict()
    kohya = seed % 2 == 1
    tensors: Tensors = {}
    for name, target in comfy.lora.model_lora_keys_unet(unet, {}).items():
        # Of the many names that one weight has, each dialect has its own.
        prefixes = _KOHYA_UNET if kohya else ("diffusion_model.",)
        wanted = name.startswith(prefixes)
        weight = weights.get(target)  # the map names skip connections that no block has
        if weight is not None and wanted and "attn" in name and weight.ndim == 2:
            tensors |= _pair(name, tuple(weight.shape), generator, with_alpha=kohya)
    if kohya:
        for layer in range(12):
            for projection in ("q_proj", "v_proj"):
                base = f"lora_te_text_model_encoder_layers_{layer}_self_attn_{projection}"
                tensors |= _pair(base, (768, 768), generator, with_alpha=True)
    return tensors


def _pair(base: str, shape: tuple[int, ...], generator: Any, *, with_alpha: bool) -> Tensors:
    import torch

    rows, columns = shape
    pair = {
        f"{base}.lora_up.weight": torch.randn(rows, RANK, generator=generator) * 0.05,
        f"{base}.lora_down.weight": torch.randn(RANK, columns, generator=generator) * 0.05,
    }
    if with_alpha:
        pair[f"{base}.alpha"] = torch.tensor(float(RANK // 2))
    return {name: tensor.to(torch.float16) for name, tensor in pair.items()}


def _randomise(parameters: Iterable[tuple[str, Any]], seed: int) -> None:
    """Fills weights so that signals keep their size: 1/sqrt(inputs); norms 1, biases 0."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in parameters:
            if tensor.ndim == 1:
                tensor.fill_(1.0 if name.endswith("weight") else 0.0)
            else:
                inputs = tensor[0].numel()
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / inputs**0.5)


if __name__ == "__main__":
    make_models(Path(sys.argv[1]))
