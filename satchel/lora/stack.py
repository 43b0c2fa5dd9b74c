"""LORA_STACK values: the list of `(name, strength_model, strength_clip)` that packs exchange.

Other packs unpack exactly three fields, so whatever else a row has (`RowSettings`) travels beside
them: name and strengths are subclasses of `str` and `float` that know their row. Packs hand on the
triples as they are, rename (`/` to `\\`), or scale strengths, and one of the three survives that.
An entry of which nothing survives is looked up in the graph (`stack_sources.py`).
"""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Real

from ..errors import LoraRowError, SatchelError
from ..folders import posix_name
from .lora_names import same_file
from .rows import NO_LORA, LoraRow, OnMismatch
from .stack_sources import RowSettings, SourceRow, row_of_rebuilt
from .window import ALWAYS, Window

StackTuple = tuple[str, float, float]
Sources = Callable[[], Sequence[SourceRow]]
"""The rows of Satchel's nodes that a LORA_STACK comes from, asked for only when needed."""


@dataclass(frozen=True, slots=True)
class RowTag:
    """The row that a name or a strength belongs to."""

    name: str
    """With `/`."""
    settings: RowSettings
    entry_id: str
    """The same for every copy of one row, so that a row is never applied twice to one model."""


class LoraName(str):
    """A LoRA's name, as the host lists it, that knows its row."""

    __slots__ = ("tag",)
    tag: RowTag

    def __new__(cls, name: str, tag: RowTag) -> LoraName:
        self = super().__new__(cls, name)
        self.tag = tag
        return self

    def __reduce__(self) -> tuple[type[LoraName], tuple[str, RowTag]]:
        return LoraName, (str(self), self.tag)


class LoraStrength(float):
    """A strength that knows its row."""

    __slots__ = ("tag",)
    tag: RowTag

    def __new__(cls, strength: float, tag: RowTag) -> LoraStrength:
        self = super().__new__(cls, strength)
        self.tag = tag
        return self

    def __reduce__(self) -> tuple[type[LoraStrength], tuple[float, RowTag]]:
        return LoraStrength, (float(self), self.tag)


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
    window: Window = ALWAYS
    on_mismatch: OnMismatch = "stop"
    note: str = ""
    """What the report should say about where it comes from."""

    @property
    def settings(self) -> RowSettings:
        """What LORA_STACK has no field for."""
        return RowSettings(self.blocks, self.window, self.on_mismatch)

    def to_tuple(self) -> StackTuple:
        """As it leaves through LORA_STACK, named as the host lists names on this system."""
        tag = RowTag(self.name, self.settings, self.entry_id)
        return (
            LoraName(self.name.replace("/", os.sep), tag),
            LoraStrength(self.strength_model, tag),
            LoraStrength(self.strength_clip, tag),
        )

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
            uuid.uuid4().hex, row.window, row.on_mismatch,
        )
        for row in rows
        if row.on
    ]  # fmt: skip


def read_stack(value: object, sources: Sources = tuple) -> list[StackEntry]:
    """Checks an upstream LORA_STACK; entries that name no LoRA (`None`) are left out.

    Raises:
        LoraRowError: it is no list of triples, or what else belongs to a row got lost on its way
            and cannot be told any more; the sentence names the position.
    """
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise LoraRowError(
            f"lora_stack is a {type(value).__name__}, not a list of LoRAs.",
            hint="Connect an output of the type LORA_STACK.",
        )
    entries = [_read_entry(position, item) for position, item in enumerate(value, 1)]
    entries = [entry for entry in entries if entry.name not in NO_LORA]
    return _with_rebuilt(entries, sources)


def _read_entry(position: int, item: object) -> StackEntry:
    label = f"Entry {position} of lora_stack"
    if not isinstance(item, (list, tuple)) or len(item) != 3:
        raise LoraRowError(
            f"{label} is not (name, strength_model, strength_clip).",
            hint="Connect the output of a node that makes LoRA stacks.",
            entry=label,
        )
    name, *strengths = item
    if not isinstance(name, str):
        raise LoraRowError(
            f"{label} has a name that is no text.",
            hint="Connect the output of a node that makes LoRA stacks.",
            entry=label,
        )
    for strength in strengths:
        if isinstance(strength, bool) or not isinstance(strength, Real):
            raise LoraRowError(
                f"{label} ({name}) has a strength that is no number.",
                hint="Look at the node that made this stack.",
                entry=label,
            )
        if not math.isfinite(strength):
            raise LoraRowError(
                f"{label} ({name}) has a strength that is not finite.",
                hint="Look at the node that made this stack.",
                entry=label,
            )
    tag = _tag_of(label, item)
    settings = RowSettings() if tag is None else tag.settings
    return StackEntry(
        label,
        posix_name(str(name)) if tag is None else tag.name,
        float(strengths[0]),
        float(strengths[1]),
        settings.blocks,
        "" if tag is None else tag.entry_id,
        settings.window,
        settings.on_mismatch,
    )


def _tag_of(label: str, item: Sequence[object]) -> RowTag | None:
    """The row of an entry, by whatever of it still knows.

    Raises:
        LoraRowError: its parts are of several rows, or of the row of another LoRA.
    """
    name = item[0]
    tags = [part.tag for part in item if isinstance(part, (LoraName, LoraStrength))]
    strangers = [tag for tag in tags if not same_file(tag.name, str(name))]
    if not any(tag.settings.matter for tag in tags):
        own = [tag for tag in tags if tag not in strangers]
        return own[0] if own else None
    if strangers:
        told = f"has the strengths of {strangers[0].name}"
    elif len(set(tags)) > 1:
        told = "mixes several rows of this LoRA"
    else:
        return tags[0]
    raise LoraRowError(
        f"{label} ({name}) {told}: a node in between has put it together, and which block "
        "weights, steps or other settings belong to it cannot be told.",
        hint="Connect LORA_STACK directly, or use no block weights and steps in those rows.",
        entry=label,
    )


def _with_rebuilt(entries: list[StackEntry], sources: Sources) -> list[StackEntry]:
    """Gives entries that know no row the settings which the graph says are theirs."""
    if all(entry.entry_id for entry in entries):
        return entries
    rows = [row for row in sources() if not row.arrived_in(entries)]
    found: list[StackEntry] = []
    for entry in entries:
        row = None if entry.entry_id else row_of_rebuilt(entry, entries, rows)
        if row is None or row.settings is None or row.name is None:
            found.append(entry)
            continue
        note = "rebuilt by a node in between; its row's settings are known from the graph"
        found.append(replace(
            entry, name=row.name, blocks=row.settings.blocks, window=row.settings.window,
            on_mismatch=row.settings.on_mismatch, note=note,
        ))  # fmt: skip
    return found
