"""Slots: the named parts of a model that block weights address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ATOMIC = frozenset({"T5"})
"""Names that end in a digit which is no block number."""

ENCODERS = frozenset({"BASE", "CLIP", "CLIPL", "CLIPG", "T5", "LLM", "TE"})
"""Slots of text encoders."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A slot's name, taken apart: `IN04` is `IN` and 4, `BASE` has no number."""

    prefix: str
    number: int = -1
    """-1 when the name has none."""

    def __str__(self) -> str:
        if self.number < 0:
            return self.prefix
        # Prefixes that are module paths keep plain numbers: BLOCKS.7, but IN07.
        width = 1 if self.prefix.endswith(".") else 2
        return f"{self.prefix}{self.number:0{width}d}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one weight lies: its slot, its name within it, and its key."""

    slot: Slot
    name: str
    """`1.transformer_blocks.0.attn1.to_q.weight`; outside blocks the whole native name. A slice
    of a fused weight ends in what it is: `img_attn.qkv.weight.to_q`."""
    key: str
    """The state-dict key, with the same ending for a slice."""


def parse_slot(name: str) -> Slot:
    """Reads a slot's name, ignoring case and leading zeros; any name is accepted."""
    upper = name.upper()
    match = re.fullmatch(r"(.*?)([0-9]{1,6})", upper)
    if match is None or upper in _ATOMIC:
        return Slot(upper)
    return Slot(match[1], int(match[2]))


def describe_slots(slots: Sequence[Slot]) -> str:
    """Names slots briefly: `BASE, IN00-IN11, M00, OUT00-OUT11`."""
    return ", ".join(
        str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in slot_runs(slots)
    )


def slot_runs(slots: Sequence[Slot]) -> list[list[Slot]]:
    """Neighbours of one prefix with consecutive numbers, put together."""
    runs: list[list[Slot]] = []
    for slot in slots:
        previous = runs[-1][-1] if runs else None
        if (
            previous is not None
            and previous.number >= 0
            and slot == Slot(previous.prefix, previous.number + 1)
        ):
            runs[-1].append(slot)
        else:
            runs.append([slot])
    return runs
