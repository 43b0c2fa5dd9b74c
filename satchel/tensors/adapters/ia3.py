"""IA3 as LyCORIS trains it: every row, or every column, has a factor.

    W' = W * (1 + strength * scale)

`scale` [out], or [in] when `on_input` is set; for convolutions [1, channels, 1, 1].
Source: LyCORIS `lycoris/modules/ia3.py`, `_ia3_weight`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .base import OwnAdapter, module_bias


class Ia3(OwnAdapter):
    """`weights`: scale, on_input (bool)."""

    name = "ia3"

    def change(self, weight: torch.Tensor, strength: float, key: str) -> torch.Tensor:
        scale: torch.Tensor = self.weights[0]
        on_input: bool = self.weights[1]
        shape = [1] * weight.dim()
        shape[1 if on_input else 0] = -1
        return weight * (strength * scale.to(weight).reshape(shape))

    def bypass_forward(
        self, org_forward: Callable[..., torch.Tensor], x: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Scales what goes in, or what comes out before the bias."""
        scale: torch.Tensor = self.weights[0]
        on_input: bool = self.weights[1]
        factors = self.multiplier * scale.to(x).flatten()
        if getattr(self, "is_conv", False):
            factors = factors.reshape(-1, *[1] * (x.dim() - 2))
        if on_input:
            return org_forward(x * (1 + factors), *args, **kwargs)
        y = org_forward(x, *args, **kwargs)
        bias = module_bias(org_forward, y)
        if isinstance(bias, torch.Tensor):
            bias = bias.reshape(factors.shape)
        return y + factors * (y - bias)
