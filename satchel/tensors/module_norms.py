"""How much one module of a LoRA file adds to its weight: the Frobenius norm of the change.

Formulas: ComfyUI's `comfy/weight_adapter`. Low-rank products are measured by their Gram matrices,
which are as small as the rank: ||U M D||^2 = tr(U^T U M D D^T M^T).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

Tensors = Mapping[str, torch.Tensor]
"""Role (see `lora/keys.py`) -> tensor, of one module."""

MEASURED = frozenset({
    "down", "up", "mid", "up_bias", "alpha", "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b",
    "hada_t1", "hada_t2", "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a",
    "lokr_w2_b", "lokr_t2", "diff", "diff_b", "w_norm", "b_norm",
})  # fmt: skip
"""The roles that a norm is made of."""


def module_norm(tensors: Tensors) -> float | None:
    """The norm at full strength; None where it depends on the model's own weight (OFT, BOFT,
    GLoRA, IA3), or the shapes contradict each other. DoRA's magnitude is left out of it.
    """
    try:
        parts = [reader(tensors) for role, reader in _READERS if role in tensors]
    except (KeyError, RuntimeError, IndexError):
        return None
    return math.sqrt(sum(part * part for part in parts)) if parts else None


def _lora(tensors: Tensors) -> float:
    down, up = _flat(tensors["down"]), tensors["up"].float()
    rank = down.shape[0]
    scale = _scale(tensors, rank)
    up_gram, down_gram = _gram(up.transpose(0, 1).flatten(1)), _gram(down)
    if "mid" not in tensors:
        return scale * math.sqrt(max(0.0, float((up_gram * down_gram).sum())))
    core = tensors["mid"].float().flatten(2).permute(2, 0, 1)
    products = up_gram @ core @ down_gram
    return scale * math.sqrt(max(0.0, float((products * core).sum())))


def _loha(tensors: Tensors) -> float:
    rank = tensors["hada_w1_b"].shape[0]
    first = _rebuilt(tensors, "hada_w1_a", "hada_w1_b", "hada_t1")
    second = _rebuilt(tensors, "hada_w2_a", "hada_w2_b", "hada_t2")
    return _scale(tensors, rank) * float((first * second).norm())


def _lokr(tensors: Tensors) -> float:
    """The norm of a Kronecker product is the product of the norms."""
    factored = tensors.get("lokr_w2_b", tensors.get("lokr_w1_b"))
    scale = 1.0 if factored is None else _scale(tensors, factored.shape[0])
    first = tensors.get("lokr_w1")
    if first is None:
        first = _rebuilt(tensors, "lokr_w1_a", "lokr_w1_b", "")
    second = tensors.get("lokr_w2")
    if second is None:
        second = _rebuilt(tensors, "lokr_w2_a", "lokr_w2_b", "lokr_t2")
    return scale * float(first.float().norm()) * float(second.float().norm())


def _whole(role: str) -> Callable[[Tensors], float]:
    """A tensor that is added as it is."""
    return lambda tensors: float(tensors[role].float().norm())


def _rebuilt(tensors: Tensors, a: str, b: str, core: str) -> torch.Tensor:
    """A factor from its two parts, and the core of a convolution between them."""
    left, right = tensors[a].float(), tensors[b].float()
    if core not in tensors:
        return left @ right.flatten(1)
    return torch.einsum("i j ..., j r, i p -> p r ...", tensors[core].float(), right, left)


def _scale(tensors: Tensors, rank: int) -> float:
    """alpha / rank; a file without alpha means the whole product."""
    alpha = tensors.get("alpha")
    return 1.0 if alpha is None else float(alpha.float().reshape(-1)[0]) / rank


def _flat(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float().flatten(1)


def _gram(rows: torch.Tensor) -> torch.Tensor:
    return rows @ rows.T


_READERS: tuple[tuple[str, Callable[[Tensors], float]], ...] = (
    ("down", _lora), ("hada_w1_a", _loha), ("lokr_w1", _lokr), ("lokr_w1_a", _lokr),
    *((role, _whole(role)) for role in ("diff", "diff_b", "w_norm", "b_norm", "up_bias")),
)  # fmt: skip
"""What is added to a weight and to its bias; a module may have several."""
