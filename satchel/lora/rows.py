"""The rows of a LoRA Stack node, as its plain inputs spell them.

Row N is up to eight inputs: `on_N`, `lora_N`, `strength_model_N`, `strength_clip_N`, `blocks_N`,
`start_N`, `stop_N`, `on_mismatch_N`. Rows are taken in the order of N; gaps are fine.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from ..errors import LoraRowError
from ..folders import posix_name
from .window import ALWAYS, Window

MAX_ROWS = 1000
MIN_STRENGTH, MAX_STRENGTH = -10.0, 10.0
SOCKETS = frozenset({"model", "clip", "lora_stack"})
"""Inputs of a LoRA Stack that are no rows."""
FIELDS = (
    "on", "lora", "strength_model", "strength_clip", "blocks", "start", "stop", "on_mismatch",
)  # fmt: skip
OnMismatch = Literal["stop", "skip"]
"""What a LoRA does that is missing or does not fit: stop the run, or be left out of it."""
ON_MISMATCH: tuple[OnMismatch, ...] = ("stop", "skip")
NO_LORA = frozenset({"", "None"})
"""What an unset combo says: ours is empty, other packs write `None`."""

_INPUT = re.compile(rf"({'|'.join(FIELDS)})_([1-9][0-9]{{0,5}})")


@dataclass(frozen=True, slots=True)
class LoraRow:
    """One row, checked."""

    number: int
    """The N of the row's inputs."""
    on: bool
    name: str
    """Path below the LoRA folder with `/`; empty only in a row that is off or not known yet."""
    strength_model: float
    strength_clip: float
    blocks: str
    """Block weights in their text form, stripped; empty means 1 everywhere."""
    window: Window = ALWAYS
    on_mismatch: OnMismatch = "stop"


def parse_rows(
    inputs: Mapping[str, object], *, unknown: Collection[str] = frozenset()
) -> list[LoraRow]:
    """Checks a node's row inputs and puts them in order.

    Defaults: on, strength_model 1, strength_clip equal to strength_model, no block weights, all of
    sampling, stop. A row that is on must name a LoRA; nothing is skipped in silence.

    Args:
        inputs: every input of the node that is not one of its declared sockets.
        unknown: names of inputs that are linked, whose values exist only once the graph runs.
            Until then they count as their defaults, and a row whose `on_N` is linked as off.

    Raises:
        LoraRowError: an input that is no row input, too many rows, or a bad value; the sentence
            names the row.
    """
    cells: dict[int, dict[str, object]] = {}
    for name, value in inputs.items():
        match = _INPUT.fullmatch(name)
        if match is None:
            raise _unknown_input(name)
        cells.setdefault(int(match[2]), {})[match[1]] = value
    if len(cells) > MAX_ROWS:
        raise LoraRowError(
            f"The stack has {len(cells)} rows; at most {MAX_ROWS} are allowed.",
            hint="Use a second LoRA Stack, connected by lora_stack.",
            rows=len(cells),
        )
    return [_parse_row(number, cells[number], unknown) for number in sorted(cells)]


def _parse_row(number: int, cell: Mapping[str, object], unknown: Collection[str]) -> LoraRow:
    known = {field: value for field, value in cell.items() if f"{field}_{number}" not in unknown}
    linked = cell.keys() - known.keys()
    on = _switch(number, known.get("on", "on" not in linked))
    name = posix_name(_text(number, "lora", known.get("lora", ""))).strip()
    name = "" if name in NO_LORA else name
    if on and not name and "lora" not in linked:
        raise LoraRowError(
            f"Row {number} is on but names no LoRA.",
            hint=f"Choose a LoRA in lora_{number}, switch the row off, or remove it.",
            row=number,
        )
    strength_model = _strength(number, "strength_model", known.get("strength_model", 1.0))
    strength_clip = _strength(number, "strength_clip", known.get("strength_clip", strength_model))
    blocks = _text(number, "blocks", known.get("blocks", "")).strip()
    return LoraRow(
        number, on, name, strength_model, strength_clip, blocks,
        _window(number, known), _on_mismatch(number, known.get("on_mismatch", "stop")),
    )  # fmt: skip


def _window(number: int, known: Mapping[str, object]) -> Window:
    start = _number(number, "start", known.get("start", 0.0), 0, 1)
    stop = _number(number, "stop", known.get("stop", 1.0), 0, 1)
    if not start < stop:
        raise LoraRowError(
            f"Row {number}: start_{number} is {start:g} and stop_{number} is {stop:g}, "
            "so there is nothing in between.",
            hint=f"Set start_{number} to less than stop_{number}, or switch the row off.",
            row=number,
        )
    return Window(start, stop)


def _on_mismatch(number: int, value: object) -> OnMismatch:
    for known in ON_MISMATCH:
        if value == known:
            return known
    raise _bad(number, "on_mismatch", value, " or ".join(ON_MISMATCH))


def _switch(number: int, value: object) -> bool:
    if isinstance(value, (bool, int)) and value in (0, 1):
        return bool(value)
    raise _bad(number, "on", value, "true or false")


def _text(number: int, field: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise _bad(number, field, value, "text")


def _strength(number: int, field: str, value: object) -> float:
    return _number(number, field, value, MIN_STRENGTH, MAX_STRENGTH)


def _number(number: int, field: str, value: object, low: float, high: float) -> float:
    """A number, or text that is one: the host's own FLOAT inputs take both."""
    expected = f"a number from {low:g} to {high:g}"
    if isinstance(value, bool) or not isinstance(value, (Real, str)):
        raise _bad(number, field, value, expected)
    try:
        found = float(value)
    except ValueError:
        raise _bad(number, field, value, expected) from None
    if math.isnan(found) or not low <= found <= high:
        raise _bad(number, field, value, expected)
    return found


def _bad(number: int, field: str, value: object, expected: str) -> LoraRowError:
    shown = "empty" if value is None else repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return LoraRowError(
        f"Row {number}: {field}_{number} is {shown}; it must be {expected}.",
        row=number,
        input=f"{field}_{number}",
    )


def _unknown_input(name: str) -> LoraRowError:
    field, _, number = name.rpartition("_")
    longer = [known for known in FIELDS if field and known.startswith(field)]
    close = longer or difflib.get_close_matches(field, FIELDS, 1, cutoff=0.5)
    meant = f"{close[0]}_{number}" if close else ""
    hint = f"Did you mean {meant}? " if _INPUT.fullmatch(meant) and meant != name else ""
    return LoraRowError(
        f"LoRA Stack has no input {name!r}.",
        hint=f"{hint}A row N has the inputs {', '.join(f'{field}_N' for field in FIELDS)}.",
        input=name,
    )
