"""How torch spreads work over threads, and how to keep it from doing so.

Waking the other threads for a hundred thousand numbers takes longer than handling them, and on a
busy machine, where they have to wait for a core, many times longer.
"""

from __future__ import annotations

import torch

ONE_THREAD = 32_000
"""Numbers that torch handles in one thread on a CPU (its grain is 32768)."""


def rows_for_one_thread(tensor: torch.Tensor) -> int:
    """How many rows of a matrix torch handles in one thread: all of them on other devices."""
    rows, columns = map(int, tensor.shape)
    return max(1, ONE_THREAD // columns if tensor.device.type == "cpu" else rows)
