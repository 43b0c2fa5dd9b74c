"""Decoders of random weights for the latents of each model family, small enough to be fast.

They are ComfyUI's own tiny autoencoders, in the layouts that its loaders know by their tensors.
Only with ComfyUI on the path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

SD_VAE = "image-4.safetensors"
VAES = {
    SD_VAE: ("taesd", 4),
    "image-16.safetensors": ("taesd", 16),
    "video-16.safetensors": ("taehv", 16),
    "video-128.safetensors": ("taehv", 128),
}
"""File -> which autoencoder, and for how many channels."""


def write_vaes(folder: Path) -> None:
    """Writes all of `VAES`."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, (kind, channels)) in enumerate(VAES.items(), start=500):
        # In bfloat16 the host takes a `taehv` of 16 channels for Wan's, which is not scaled.
        state = _autoencoder(kind, channels, seed).state_dict()
        tensors = {key: tensor.to(torch.bfloat16).contiguous() for key, tensor in state.items()}
        save_file(tensors, folder / name, {"modelspec.title": name})


def _autoencoder(kind: str, channels: int, seed: int) -> Any:
    import comfy.taesd.taehv
    import comfy.taesd.taesd

    model = (
        comfy.taesd.taesd.TAESD(latent_channels=channels)
        if kind == "taesd"
        else comfy.taesd.taehv.TAEHV(latent_channels=channels)
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                numbers = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(numbers / parameter[0].numel() ** 0.5)
            elif not name.startswith("vae_"):
                parameter.zero_()
    return model
