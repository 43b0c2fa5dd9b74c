"""DoRA: the rows (or columns) of the sum of a weight and a low-rank change get new lengths.

    V = W + change,   W' = W + strength * (magnitude * V / |V| - W)

`magnitude` [out, 1, ...] with the length of rows, or [1, in, ...] with the length of columns.
Sources: PEFT `tuners/lora/dora.py` (`get_weight_norm` of W + scaling * BA); LyCORIS
`functional/general.py`, `_weight_decompose`. The host divides by the rows' lengths in W instead,
which leaves them longer or shorter than they were trained.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from .base import OwnAdapter


class Dora(OwnAdapter):
    """`weights`: name of the inner adapter, its weights without the magnitude, the magnitude."""

    name = "dora"
    inner_adapters: ClassVar[dict[str, type[Any]]] = {}
    """The host's classes by name; set at the host edge."""

    def change(self, weight: torch.Tensor, strength: float, key: str) -> torch.Tensor:
        name, inner_weights, stored = self.weights
        inner = self.inner_adapters[name](set(), inner_weights)
        total: torch.Tensor = inner.calculate_weight(
            weight.clone(), key, 1.0, 1.0, None, lambda same: same, weight.dtype
        )
        magnitude: torch.Tensor = stored.to(weight)
        rows = magnitude.shape[0] == weight.shape[0] and (
            weight.shape[0] > 1 or magnitude.numel() == 1
        )
        dims = [dim for dim in range(weight.dim()) if dim != (0 if rows else 1)]
        lengths = torch.linalg.vector_norm(total, dim=dims, keepdim=True)
        factor = magnitude / lengths.clamp_min(torch.finfo(weight.dtype).tiny)
        change: torch.Tensor = strength * (total * factor - weight)
        return change

    def bypass_forward(self, *_: Any, **__: Any) -> torch.Tensor:
        """The lengths of the sum's rows are unknown without the weight."""
        raise NotImplementedError("DoRA needs the weight: it cannot be applied in bypass mode.")
