"""LORA_STACK values: the list of `(name, strength_model, strength_clip)` that packs exchange.

Other packs unpack exactly three fields, so whatever else an entry carries travels inside the
name, as attributes of a `str` subclass; a pack that rebuilds the name loses them.
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real

from ..errors import LoraRowError, SatchelError
from ..folders import posix_name
from .rows import NO_LORA, LoraRow

StackTuple = tuple[str, float, float]


class LoraName(str):
    """A LoRA's name, as the host lists it, with what Satchel knows about its row."""

    __slots__ = ("blocks", "entry_id")

    blocks: str
    """Block weights in their text form."""
    entry_id: str
    """The same for every copy of one row, so that a row is never applied twice to one model."""

    def __new__(cls, name: str, blocks: str, entry_id: str) -> LoraName:
        self = super().__new__(cls, name)
        self.blocks = blocks
        self.entry_id = entry_id
        return self

    def __reduce__(self) -> tuple[type[LoraName], tuple[str, str, str]]:
        return LoraName, (str(self), self.blocks, self.entry_id)


@dataclass(frozen=True, slots=True)
class StackEntry:
    """One LoRA to apply, from a row or from upstream."""

    label: str
    """How messages call it: `Row 2`, or `Entry 1 of lora_stack`."""
    name: str
    """With `/`."""
    strength_model: float
    strength_clip: float
    blocks: str
    entry_id: str
    """Empty when another pack made the entry."""

    def to_tuple(self) -> StackTuple:
        """As it leaves through LORA_STACK, named as the host lists names on this system."""
        name = LoraName(self.name.replace("/", os.sep), self.blocks, self.entry_id)
        return (name, self.strength_model, self.strength_clip)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Puts this entry's label in front of errors that a block raises."""
        try:
            yield
        except SatchelError as error:
            raise type(error)(
                f"{self.label} ({self.name}): {error}",
                hint=error.hint,
                **{**error.details, "entry": self.label, "name": self.name},
            ) from error


def entries_of_rows(rows: Iterable[LoraRow]) -> list[StackEntry]:
    """The rows that are on."""
    return [
        StackEntry(
            f"Row {row.number}", row.name, row.strength_model, row.strength_clip, row.blocks,
            uuid.uuid4().hex,
        )
        for row in rows
        if row.on
    ]  # fmt: skip


def read_stack(value: object) -> list[StackEntry]:
    """Checks an upstream LORA_STACK; entries that name no LoRA (`None`) are left out.

    Raises:
        LoraRowError: it is no list of triples; the sentence names the position.
    """
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise LoraRowError(
            f"lora_stack is a {type(value).__name__}, not a list of LoRAs.",
            hint="Connect an output of the type LORA_STACK.",
        )
    entries = [_read_entry(position, item) for position, item in enumerate(value, 1)]
    return [entry for entry in entries if entry.name not in NO_LORA]


def _read_entry(position: int, item: object) -> StackEntry:
    label = f"Entry {position} of lora_stack"
    if not isinstance(item, (list, tuple)) or len(item) != 3:
        raise LoraRowError(f"{label} is not (name, strength_model, strength_clip).", entry=label)
    name, *strengths = item
    if not isinstance(name, str):
        raise LoraRowError(f"{label} has a name that is no text.", entry=label)
    for strength in strengths:
        if isinstance(strength, bool) or not isinstance(strength, Real):
            raise LoraRowError(f"{label} ({name}) has a strength that is no number.", entry=label)
        if not math.isfinite(strength):
            raise LoraRowError(f"{label} ({name}) has a strength that is not finite.", entry=label)
    return StackEntry(
        label,
        posix_name(str(name)),
        float(strengths[0]),
        float(strengths[1]),
        name.blocks if isinstance(name, LoraName) else "",
        name.entry_id if isinstance(name, LoraName) else "",
    )
