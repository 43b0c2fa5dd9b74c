"""Block layouts, in the order in which they are tried. A new one is one file and one line."""

from __future__ import annotations

from collections.abc import Collection

from . import flux, generic, sd3, sd_unet, transformer
from .base import MODEL_PREFIX, BlockLayout

LAYOUTS: tuple[BlockLayout, ...] = (
    sd_unet.LAYOUT,
    sd3.LAYOUT,
    flux.LAYOUT,
    transformer.LAYOUT,
    generic.LAYOUT,
)
"""The last one fits every model."""


def find_layout(keys: Collection[str]) -> BlockLayout:
    """The layout of a model (and its text encoders) with these target keys."""
    return next(layout for layout in LAYOUTS if layout.refusal(keys) is None)


__all__ = ["LAYOUTS", "MODEL_PREFIX", "BlockLayout", "find_layout"]
