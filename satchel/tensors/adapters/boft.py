"""BOFT: several rounds of block rotations, each with the rows in another order (a butterfly).

Round i pairs rows that lie 2^i * size/2 apart, rotates blocks of `size` by
I + strength * (R_i - I), and undoes the order. At the end `rescale` multiplies the rows.
Source: LyCORIS `functional/boft.py`, `_diff_weight`; the bound of Q's norm is alpha * out in
`modules/boft.py`. The host applies the strength a second time and needs an alpha.
"""

from __future__ import annotations

import torch

from .base import OwnAdapter
from .rotations import cayley


class Boft(OwnAdapter):
    """`weights`: blocks [rounds, count, size, size], rescale or None, alpha or None."""

    name = "boft"

    def change(self, weight: torch.Tensor, strength: float, key: str) -> torch.Tensor:
        blocks, rescale, alpha = self.weights
        rounds, count, size, _ = blocks.shape
        rotations = cayley(blocks.to(weight.device), (alpha or 0.0) * weight.shape[0]).to(weight)
        eye = torch.eye(size, dtype=weight.dtype, device=weight.device)
        rows = weight.reshape(weight.shape[0], -1)
        for i in range(rounds):
            rotation = eye + strength * (rotations[i] - eye)
            apart = 2**i * (size // 2)
            mixed = rows.reshape(-1, 2, apart, rows.shape[1]).transpose(1, 2)
            mixed = rotation @ mixed.reshape(count, size, -1)
            rows = mixed.reshape(-1, apart, 2, rows.shape[1]).transpose(1, 2)
            rows = rows.reshape(weight.shape[0], -1)
        if rescale is not None:
            rows = rows * rescale.to(weight).reshape(-1, 1)
        return rows.reshape(weight.shape) - weight
