"""OFT: the rows of a weight are rotated in blocks.

    W'[block] = (I + strength * (R - I))^T W[block],   R = cayley(blocks), norm of Q <= alpha * out
    with `rescale`:  W' = rescale * W'  (LyCORIS; with the strength, W + strength * (W' - W))

Sources: LyCORIS `functional/diag_oft.py` (`get_r`, `_diff_weight`; the constraint is alpha * out
in `modules/diag_oft.py`); sd-scripts `networks/oft.py` and `networks/oft_flux.py`, which gives
each part of a fused weight blocks and a constraint of its own. The host applies the strength
twice, takes alpha alone for the bound and leaves `rescale` out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .base import OwnAdapter, channels_last, module_bias
from .rotations import cayley


class Oft(OwnAdapter):
    """`weights`: tuple of parts [count, size, size], rescale or None, alpha or None."""

    name = "oft"

    def change(self, weight: torch.Tensor, strength: float, key: str) -> torch.Tensor:
        return strength * (self._turned(weight) - weight)

    def _turned(self, rows: torch.Tensor) -> torch.Tensor:
        """The new rows of a weight [out, ...]."""
        parts, rescale, alpha = self.weights
        turned, start = [], 0
        for blocks in parts:
            length = blocks.shape[0] * blocks.shape[1]
            rotation = cayley(blocks.to(rows.device), (alpha or 0.0) * length).to(rows)
            part = rows[start : start + length].reshape(*blocks.shape[:2], -1)
            turned.append((rotation.transpose(1, 2) @ part).reshape(length, *rows.shape[1:]))
            start += length
        result = torch.cat(turned)
        if rescale is not None:
            result = result * rescale.to(rows).reshape(-1, *[1] * (rows.dim() - 1))
        return result

    def bypass_forward(
        self, org_forward: Callable[..., torch.Tensor], x: torch.Tensor, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Rotates what comes out before the bias."""
        is_conv = getattr(self, "is_conv", False)
        out = channels_last(org_forward(x, *args, **kwargs), is_conv)
        plain = out - module_bias(org_forward, out)
        turned = self._turned(plain.reshape(-1, plain.shape[-1]).T).T.reshape(plain.shape)
        return channels_last(out + self.multiplier * (turned - plain), is_conv)
