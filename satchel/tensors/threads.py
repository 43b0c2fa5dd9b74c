"""How torch spreads work over threads, and how to keep it from doing so.

Waking the other threads for a hundred thousand numbers takes longer than handling them, and on a
busy machine, where they have to wait for a core, many times longer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import torch

ONE_THREAD = 32_000
"""Numbers that torch handles in one thread on a CPU (its grain is 32768)."""


def rows_in_one_thread(matrix: torch.Tensor) -> int:
    """How many rows of a matrix torch handles in one thread; on other devices, all of them."""
    rows, columns = map(int, matrix.shape)
    return max(1, ONE_THREAD // columns if matrix.device.type == "cpu" else rows)


def copy_in_one_thread(target: torch.Tensor, source: torch.Tensor) -> None:
    """Copies a matrix, converting it."""
    rows = rows_in_one_thread(target)
    if rows >= len(target):
        target.copy_(source)
        return
    for written, read in zip(target.split(rows), source.split(rows), strict=True):
        written.copy_(read)


def columns_in_one_thread(matrices: Sequence[torch.Tensor]) -> torch.Tensor:
    """Lays matrices of one dtype side by side; NumPy never wakes a thread."""
    first = matrices[0]
    if first.device.type != "cpu":
        return torch.cat(list(matrices), 1)
    bits = _BITS[first.element_size()]  # NumPy has no bfloat16 and no 8-bit floats
    parts = [matrix.view(bits).numpy() for matrix in matrices]
    return torch.from_numpy(numpy.concatenate(parts, 1)).view(first.dtype)


_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
