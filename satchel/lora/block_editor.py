"""Block weights as an editor shows them: a number for each slot, and the text that they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .block_weights.expanded import written_out
from .block_weights.rules import BlockWeights, SlotWeights
from .block_weights.slots import ENCODERS, Slot
from .weights import format_block_weights, parse_block_weights

_STACKS = {
    "IN": "down", "M": "middle", "OUT": "up", "D": "double", "S": "single", "J": "joint",
    "B": "blocks", "L": "layers", "V": "vace", "N": "nerf",
}  # fmt: skip
_SINGLE = {"IN": "input", "OUT": "output", "MOD": "modulation", "OTHER": "other"}


@dataclass(frozen=True, slots=True)
class EditedBlocks:
    """Block weights on the slots of one architecture."""

    text: str
    values: Mapping[Slot, float] | None
    """None: they count the blocks of each file, so that no slot has a number of its own."""
    filtered: frozenset[Slot] = frozenset()
    """Slots in which filters give some weights another number."""


def read_blocks(
    text: str, slots: Sequence[Slot], presets: Mapping[str, str], typed: str | None = None
) -> EditedBlocks:
    """What a text comes to on these slots.

    Args:
        typed: what to show as its text; default: the text itself.

    Raises:
        BlockWeightSyntaxError: it is malformed, or names a slot that is not there.
    """
    weights = parse_block_weights(text, presets)
    shown = text if typed is None else typed
    if weights.positional is not None:
        return EditedBlocks(shown, None)
    on = _on(weights, slots)
    return EditedBlocks(shown, on.factors, _filtered(on))


def paint_blocks(
    text: str, values: Mapping[str, float], slots: Sequence[Slot], presets: Mapping[str, str]
) -> EditedBlocks:
    """The canonical text for numbers that were set by hand; filters of the text before stay.

    Args:
        values: slot name -> number; slots that are not named keep what they have.

    Raises:
        BlockWeightSyntaxError: the text before is malformed.
    """
    weights = parse_block_weights(text, presets)
    if weights.positional is not None:
        weights = BlockWeights()
    on = _on(weights, slots)
    factors = {slot: values.get(str(slot), number) for slot, number in on.factors.items()}
    painted = replace(on, factors=factors)
    canonical = format_block_weights(written_out(painted, slots))
    return EditedBlocks(canonical, factors, _filtered(painted))


def group_of(slot: Slot) -> str:
    """An id of the group that people know a slot by: `down`, `double`, `text`, ..."""
    if slot.prefix in ENCODERS:
        return "text"
    if slot.number < 0:
        return _SINGLE.get(slot.prefix, "other")
    return _STACKS.get(slot.prefix, "refiner" if slot.prefix.isalpha() else slot.prefix.strip("."))


def slots_json(
    edited: EditedBlocks, slots: Sequence[Slot], modules: Mapping[Slot, int] | None
) -> list[dict[str, Any]]:
    """The slots as `POST /blocks` answers them; `modules` of the file, None without a file."""
    return [
        {
            "name": str(slot),
            "group": group_of(slot),
            "value": None if edited.values is None else edited.values[slot],
            "modules": None if modules is None else modules.get(slot, 0),
            "filtered": slot in edited.filtered,
        }
        for slot in slots
    ]


def _on(weights: BlockWeights, slots: Sequence[Slot]) -> SlotWeights:
    return weights.drawn(slots).on(slots)


def _filtered(on: SlotWeights) -> frozenset[Slot]:
    return frozenset(slot for slot, filters in on.filters.items() if filters)
