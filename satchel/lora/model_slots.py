"""The block slots of an architecture, without a model of it."""

from __future__ import annotations

from functools import cache

from .architectures import ARCHITECTURES
from .block_layouts import MODEL_PREFIX, BlockLayout, find_layout
from .block_weights.slots import Slot


@cache
def architecture_slots(architecture_id: str) -> tuple[Slot, ...]:
    """Its slots in order, those of text encoders first.

    Text encoders have the slots that any of their kind may have: which of them a model uses is told
    by its CLIP.
    """
    blocks = architecture_layout(architecture_id)
    return (*blocks.encoder_slots(), *blocks.slots(architecture_keys(architecture_id)))


@cache
def architecture_layout(architecture_id: str) -> BlockLayout:
    """The block layout of its models."""
    return find_layout(architecture_keys(architecture_id))


@cache
def architecture_keys(architecture_id: str) -> tuple[str, ...]:
    """The keys of its diffusion model's weights, in the host's names."""
    return tuple(
        f"{MODEL_PREFIX}{path}.weight"
        for layout in ARCHITECTURES[architecture_id].layouts
        if layout.naming == "native"
        for path in layout.paths()
    )
