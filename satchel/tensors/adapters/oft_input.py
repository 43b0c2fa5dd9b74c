"""OFT of OneTrainer and PEFT: the input of a layer is rotated in blocks.

    x' = x R, so W' = W R^T for a linear layer; OneTrainer turns a convolution's weight, W' = W R
    R = I + 2Q + 2Q^2 + 2Q^3 + Q^4, Q skew-symmetric; one row of `oft_R` per block, or one for all
    with the strength: W + strength * (W' - W)

Source: OneTrainer `modules/module/oft_utils.py` (`_cayley_batch`, the same as PEFT's
`tuners/oft/layer.py`) and `OFTModule.forward` in `modules/module/LoRAModule.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .base import OwnAdapter
from .rotations import cayley_neumann


class OftInput(OwnAdapter):
    """`weights`: vectors [blocks, size (size - 1) / 2]; one row may serve all blocks."""

    name = "oft_input"

    def change(self, weight: torch.Tensor, strength: float, key: str) -> torch.Tensor:
        rotation = cayley_neumann(self.weights[0].to(weight.device)).to(weight)
        if weight.dim() == 2:
            rotation = rotation.transpose(1, 2)
        size = rotation.shape[-1]
        columns = weight.reshape(weight.shape[0], -1, size)
        turned = torch.einsum("obk,bkc->obc", columns, rotation.expand(columns.shape[1], -1, -1))
        return strength * (turned.reshape(weight.shape) - weight)

    def bypass_forward(
        self, org_forward: Callable[..., torch.Tensor], x: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Rotates what goes into a linear layer."""
        if getattr(self, "is_conv", False):
            raise NotImplementedError("OFT of a convolution's input cannot be bypassed.")
        rotation = cayley_neumann(self.weights[0].to(x.device)).to(x)
        blocks = x.reshape(*x.shape[:-1], -1, rotation.shape[-1])
        rotation = rotation.expand(blocks.shape[-2], -1, -1)
        turned = torch.einsum("...bk,bkc->...bc", blocks, rotation).reshape(x.shape)
        return org_forward(x + self.multiplier * (turned - x), *args, **kwargs)
