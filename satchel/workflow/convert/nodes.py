"""Nodes of other packs as they were saved, and what takes their places, as plain values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ...errors import ConversionError
from ...folders import posix_name
from ...lora.rows import MAX_STRENGTH, MIN_STRENGTH, NO_LORA
from ..loaders import STACK_NODE

PROMPT_NODE = "SatchelLoraStackFromPrompt"
TRIGGER_NODE = "SatchelTriggerWords"

TRIGGER_VALUES = {"lora": "None", "extra": "", "exclude": ""}
"""The widgets of a Trigger Words node, in saved order."""

MODEL, CLIP, LORA_STACK = 0, 1, 2
"""Outputs that LoRA Stack and LoRA Stack from Prompt share."""
TRIGGER_WORDS = -1
"""In place of an output: that of a Trigger Words node, which is added where this one is wired."""


@dataclass(frozen=True, slots=True)
class Link:
    """A value that another node gives while the graph runs."""

    name: str
    """The old node's input."""
    key: Any
    """What the graph knows the link by."""
    shown: Any = None
    """What the widget showed last, if it was one."""


Cell = str | float | bool | Link


@dataclass(frozen=True, slots=True)
class SavedNode:
    """A node of another pack, from a UI graph or an API graph."""

    class_type: str
    widgets: Any = None
    """`widgets_values` of a UI node; `None` for one of an API graph."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Plain inputs of an API graph's node; the host's wrapping of lists is taken off."""
    links: Mapping[str, Link] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    upstream: Callable[[Link], tuple[str, SavedNode] | None] = lambda _: None
    """The node that a link comes straight from, with its key."""

    @property
    def is_api(self) -> bool:
        return self.widgets is None

    def named(self, layout: Callable[[list[Any]], Mapping[str, Any]]) -> dict[str, Any]:
        """Values by input name; a `Link` for each input that has one.

        Args:
            layout: names the values of a UI node, which are saved by position.
        """
        if self.widgets is None:
            values = dict(self.inputs)
        elif isinstance(self.widgets, Mapping):
            values = dict(self.widgets)
        else:
            values = dict(layout(self.widgets if isinstance(self.widgets, list) else []))
        for name, link in self.links.items():
            values[name] = replace(link, shown=values.get(name))
        return values


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a LoRA Stack to be: the cells that each row has, in saved order."""

    on: bool
    lora: str | Link
    """With `/`."""
    strength_model: float | Link
    strength_clip: float | Link
    blocks: str = ""

    def cells(self, number: int) -> dict[str, Cell]:
        """Input name -> value, in the order in which the node saves its widgets."""
        return {f"{cell.name}_{number}": getattr(self, cell.name) for cell in fields(self)}


@dataclass(frozen=True, slots=True)
class NewNode:
    """What takes a node's place."""

    sockets: Mapping[str, str]
    """Of `model`, `clip` and `lora_stack`: the old node's input."""
    outputs: tuple[tuple[str, int | None], ...]
    """For each output of the old node its name and where its links go on; `None`: nowhere."""
    rows: tuple[Row, ...] = ()
    values: Mapping[str, Cell] = field(default_factory=dict)
    """The widgets of a node other than LoRA Stack, in saved order."""
    class_type: str = STACK_NODE
    notes: tuple[str, ...] = ()
    """What is not as it was, one sentence each."""
    without_effect: frozenset[str] = frozenset()
    """Inputs of the old node that changed nothing, linked or not."""
    absorbs: str | None = None
    """Key of a node whose work this one does, too; it goes away if nothing else uses it."""

    def cells(self) -> dict[str, Cell]:
        """All widgets, in saved order."""
        rows = [row.cells(number) for number, row in enumerate(self.rows, 1)]
        return {**self.values, **{name: value for row in rows for name, value in row.items()}}


@dataclass(slots=True)
class Applied:
    """What replacing nodes did to a graph, by the keys of the old nodes."""

    added: dict[str, list[str]] = field(default_factory=dict)
    """Class types of nodes that came along."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """What is not as it was, one sentence each."""
    removed: set[str] = field(default_factory=set)
    """Absorbed nodes that nothing uses any more."""


@dataclass(frozen=True, slots=True)
class Pack:
    """The nodes of one pack."""

    name: str
    readers: Mapping[str, Callable[[SavedNode, Surroundings], NewNode]]
    """By class type. They raise `ConversionError` about a node that has no exact counterpart."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Class types that load LoRAs in a way that a stack cannot, and why."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What conversion may look up."""

    names: Mapping[str, str] | None
    """LoRAs of this machine: name with `/` -> as the host spells it; `None` if not known."""
    presets: Mapping[str, str]
    """Block weight presets."""


def constant(values: Mapping[str, Any], name: str, default: Any = None) -> Any:
    """A value that decides how rows look.

    Raises:
        ConversionError: it is known only while the graph runs.
    """
    value = values.get(name, default)
    if isinstance(value, Link):
        raise ConversionError(
            f"Its input {name} comes from another node, so its rows are not known.",
            hint=f"Set {name} on the node itself, then convert again.",
        )
    return value


def strength(values: Mapping[str, Any], name: str, default: float = 1.0) -> float | Link:
    """A strength as it was saved: a number, a text that is one, or a link.

    Raises:
        ConversionError: it is something else.
    """
    value = values.get(name)
    if isinstance(value, Link):
        return value
    return as_number(name, default if value is None else value)


def as_number(name: str, value: Any) -> float:
    """A number, or a text that is one.

    Raises:
        ConversionError: it is something else.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConversionError(f"Its {name} is {value!r}, which is no number.")
    return number


def lora_name(value: Any) -> str | Link:
    """A LoRA's name with `/`; empty if none is chosen.

    Raises:
        ConversionError: it is no text.
    """
    if isinstance(value, Link):
        return value
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ConversionError(f"It names a LoRA by {value!r}, which is no text.")
    name = posix_name(value).strip()
    return "" if name in NO_LORA else name


def slot_layout(
    first: Iterable[str], slot: Iterable[str], slots: int
) -> Callable[[list[Any]], dict[str, Any]]:
    """A layout of some widgets, then the same few for each slot; `{}` in names is its number."""
    slot = tuple(slot)
    names = [*first, *(name.format(n) for n in range(1, slots + 1) for name in slot)]
    return lambda values: dict(zip(names, values, strict=False))


def within_range(rows: Iterable[Row]) -> tuple[tuple[Row, ...], list[str]]:
    """The rows with strengths that a stack takes, and a note for each that it does not."""
    kept: list[Row] = []
    notes: list[str] = []
    for number, row in enumerate(rows, 1):
        model, clip = _clamped(row.strength_model), _clamped(row.strength_clip)
        for side, was, now in (
            ("model", row.strength_model, model),
            ("CLIP", row.strength_clip, clip),
        ):
            if now != was:
                notes.append(
                    f"Row {number}: the {side} strength was {was:g}; it is {now:g} now, the most "
                    "that a row takes."
                )
        kept.append(replace(row, strength_model=model, strength_clip=clip))
    return tuple(kept), notes


def _clamped(value: float | Link) -> float | Link:
    if isinstance(value, Link):
        return value
    return max(MIN_STRENGTH, min(MAX_STRENGTH, value))
