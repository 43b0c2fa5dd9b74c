"""Decoders of random weights for the latents of each model family, small enough to be fast.

    python tools/satchel_tools/launch.py support.tiny_vaes MODELS

writes them below a models folder. They are ComfyUI's own tiny autoencoders, in the layouts that
its VAE Loader knows by their tensors. Only with ComfyUI on the path.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

VAES = {
    "image-16.safetensors": ("taesd", 16),
    "video-16.safetensors": ("taehv", 16),
    "video-128.safetensors": ("taehv", 128),
}
"""File below `vae` -> which autoencoder, and for how many channels."""


def write_all(models: Path) -> None:
    """Writes all of `VAES`."""
    for seed, (name, (kind, channels)) in enumerate(VAES.items(), start=500):
        path = models / "vae" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # In bfloat16 the host takes a `taehv` of 16 channels for Wan's, which is not scaled.
        state = _autoencoder(kind, channels, seed).state_dict()
        tensors = {key: tensor.to(torch.bfloat16).contiguous() for key, tensor in state.items()}
        save_file(tensors, path, {"modelspec.title": name})


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


if __name__ == "__main__":
    # ComfyUI's modules look for a GPU when they are imported, unless this is set before.
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    write_all(Path(sys.argv[1]))
