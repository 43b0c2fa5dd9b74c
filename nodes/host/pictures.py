"""Pictures as ComfyUI passes them on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch


def image_of(width: int, height: int, rgb: bytes) -> torch.Tensor:
    """A picture as the host's IMAGE: [1, height, width, 3], 0 to 1."""
    pixels = torch.frombuffer(bytearray(rgb), dtype=torch.uint8)
    return pixels.reshape(1, height, width, 3).float() / 255


def pixels_of(images: torch.Tensor) -> Iterator[Any]:
    """The pictures of an IMAGE batch as numpy arrays of bytes, [height, width, channels]."""
    for image in images:
        yield (255.0 * image.cpu()).clamp(0, 255).to(torch.uint8).numpy()
