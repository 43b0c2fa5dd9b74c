"""What Satchel's own adapters share with the host's.

The host rebuilds adapters as `type(adapter)(loaded_keys, weights)` when it prefetches and
offloads, so everything an adapter knows is in `weights`: tensors, numbers, texts and tuples of
these. The host's base class is mixed in at the host edge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch


class OwnAdapter:
    """An adapter that the host does not have, or has with another formula."""

    name: ClassVar[str]
    multiplier: float = 1.0
    """Its strength in bypass mode; set by the host."""

    def __init__(self, loaded_keys: set[str], weights: tuple[Any, ...]) -> None:
        self.loaded_keys = loaded_keys
        self.weights = weights

    def calculate_weight(
        self,
        weight: torch.Tensor,
        key: str,
        strength: float,
        strength_model: float,
        offset: tuple[int, int, int] | None,
        function: Callable[[torch.Tensor], torch.Tensor],
        intermediate_dtype: torch.dtype = torch.float32,
        original_weight: Any = None,
    ) -> torch.Tensor:
        """Adds the change to a weight, or to the slice of one that the host hands over.

        `function` reorders rows between the file's layout and the model's; those that exist
        swap two halves and are their own inverse.
        """
        base = function(weight.to(intermediate_dtype))
        weight += function(self.change(base, strength, key)).to(weight.dtype)
        return weight

    def change(self, weight: torch.Tensor, strength: float, key: str) -> torch.Tensor:
        """What to add to a weight, in its dtype and on its device; the weight is left alone."""
        raise NotImplementedError


def module_bias(forward: Callable[..., torch.Tensor], like: torch.Tensor) -> torch.Tensor | float:
    """The bias of the module whose forward this is, cast to an output; 0.0 without one."""
    bias = getattr(getattr(forward, "__self__", None), "bias", None)
    return 0.0 if bias is None else bias.to(like)


def channels_last(tensor: torch.Tensor, is_conv: bool) -> torch.Tensor:
    """Activations with channels last; the same call brings them back."""
    return tensor.transpose(1, -1) if is_conv else tensor
