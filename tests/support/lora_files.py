"""Writes LoRA files with random tensors, in the spelling that a test asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

KOHYA = ("{}.lora_up.weight", "{}.lora_down.weight", "{}.alpha")
PEFT = ("{}.lora_B.weight", "{}.lora_A.weight", "{}.alpha")


@dataclass
class Pair:
    """A plain LoRA pair as a test means it."""

    up: torch.Tensor
    down: torch.Tensor
    alpha: float | None = None

    @property
    def delta(self) -> torch.Tensor:
        """alpha / rank * up @ down in float64, as [out, in * kernel]."""
        rank = self.down.shape[0]
        scale = 1.0 if self.alpha is None else self.alpha / rank
        return scale * (self.up.double().flatten(1) @ self.down.double().flatten(1))


def random_pair(
    shape: tuple[int, ...], rank: int = 4, alpha: float | None = None, seed: int = 0,
    dtype: torch.dtype = torch.float32,
) -> Pair:  # fmt: skip
    """A pair for a weight [out, in] or a convolution [out, in, h, w]."""
    generator = torch.Generator().manual_seed(seed * 7919 + shape[0] * 31 + rank)
    kernel = (1,) * (len(shape) - 2)
    up = torch.randn((shape[0], rank, *kernel), generator=generator) * 0.1
    down = torch.randn((rank, *shape[1:]), generator=generator) * 0.1
    return Pair(up.to(dtype), down.to(dtype), alpha)


def write_lora(
    path: Path, pairs: Mapping[str, Pair], names: tuple[str, str, str] = KOHYA,
    extra: Mapping[str, torch.Tensor] | None = None, metadata: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Writes pairs (module name -> pair) and any further tensors as a safetensors file."""
    tensors = dict(extra or {})
    for module, pair in pairs.items():
        tensors[names[0].format(module)] = pair.up.contiguous()
        tensors[names[1].format(module)] = pair.down.contiguous()
        if pair.alpha is not None:
            tensors[names[2].format(module)] = torch.tensor(pair.alpha)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)
    return path
