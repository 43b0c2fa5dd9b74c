"""Pictures as ComfyUI passes them on."""

from __future__ import annotations

import torch


def image_of(width: int, height: int, rgb: bytes) -> torch.Tensor:
    """A picture as the host's IMAGE: [1, height, width, 3], 0 to 1."""
    pixels = torch.frombuffer(bytearray(rgb), dtype=torch.uint8)
    return pixels.reshape(1, height, width, 3).float() / 255
