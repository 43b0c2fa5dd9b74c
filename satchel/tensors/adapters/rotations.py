"""Orthogonal matrices from what OFT files store."""

from __future__ import annotations

import math

import torch


def cayley(blocks: torch.Tensor, limit: float) -> torch.Tensor:
    """R = (I + Q) (I - Q)^-1 with Q = blocks - blocks^T, one per block, at least in float32.

    `limit` bounds the norm of all Q together; 0 is no limit.
    """
    blocks = blocks.to(torch.promote_types(blocks.dtype, torch.float32))
    skew = blocks - blocks.transpose(-1, -2)
    if limit > 0:
        norm = float(skew.norm())
        if norm > limit:
            skew = skew * (limit / norm)
    eye = torch.eye(skew.shape[-1], dtype=skew.dtype, device=skew.device)
    rotation: torch.Tensor = torch.linalg.solve(eye - skew, eye + skew, left=False)
    return rotation


def block_size(entries: int) -> int:
    """Size b of a skew-symmetric matrix with `entries` = b (b - 1) / 2 numbers above its
    diagonal; 0 when no size has that many."""
    size = (1 + math.isqrt(1 + 8 * entries)) // 2
    return size if size * (size - 1) // 2 == entries else 0


def cayley_neumann(vectors: torch.Tensor) -> torch.Tensor:
    """R = I + 2Q + 2Q^2 + 2Q^3 + Q^4: the series with which OneTrainer and PEFT train.

    Row by row, `vectors` [blocks, b (b - 1) / 2] are the entries above the diagonal of Q.
    """
    vectors = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
    size = block_size(vectors.shape[1])
    rows, columns = torch.triu_indices(size, size, 1, device=vectors.device)
    skew = vectors.new_zeros(vectors.shape[0], size, size)
    skew[:, rows, columns] = vectors
    skew = skew - skew.transpose(1, 2)
    square = skew @ skew
    eye = torch.eye(size, dtype=skew.dtype, device=skew.device)
    return eye + 2 * (skew + square + square @ skew) + square @ square
