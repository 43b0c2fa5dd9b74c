"""What an architecture's file declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .layout import Layout, Rule


@dataclass(frozen=True, slots=True)
class Architecture:
    """One diffusion model as LoRA files know it."""

    id: str
    title: str
    text_encoders: tuple[str, ...]
    """Ids of `encoders.py`, the host's order."""
    layouts: tuple[Layout, ...]
    family: str = ""
    """Architectures of one family have the same trained modules, so that a LoRA of one carries
    over to the others and its keys cannot tell them apart. Default: a family of its own."""
    claims: tuple[str, ...] = ()
    """How metadata spells it: lower case letters and digits only. The longest match counts."""
    stacks: tuple[str, ...] = ()
    """The stacks of blocks, in every naming, whose full depth is evidence (`identify.py`)."""

    def rules(self) -> Iterator[Rule]:
        """Every module it has, in every naming."""
        for layout in self.layouts:
            yield from layout.rules()

    @property
    def family_id(self) -> str:
        """The family, or the id of an architecture that is alone."""
        return self.family or self.id
