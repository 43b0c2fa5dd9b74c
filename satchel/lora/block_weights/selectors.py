"""The left side of an item: which slots, and which of their weights, it is about.

A range, a stack or a group selects from the slots that the model has. Groups do not depend on
the architecture; `early`, `mid` and `late` are the thirds of each stack of blocks, or, in a UNet,
its way down, its middle and its way up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .elements import Element
from .slots import ENCODERS, Slot

ALL = "*"
THIRDS = ("early", "mid", "late")
UNET_THIRDS = {"early": "IN", "mid": "M", "late": "OUT"}
_REFINERS = frozenset({"TR", "CR", "NR", "RR", "TB", "A", "VC", "AC"})
"""Stacks that prepare the text or the image for the main ones."""


def _stack(prefix: str) -> Callable[[Slot], bool]:
    return lambda slot: slot.prefix == prefix and slot.number >= 0


GROUPS: dict[str, Callable[[Slot], bool]] = {
    "blocks": lambda slot: slot.number >= 0 and slot.prefix not in _REFINERS,
    "double": _stack("D"),
    "single": _stack("S"),
    "down": _stack("IN"),
    "up": _stack("OUT"),
    "refiner": lambda slot: slot.prefix in _REFINERS,
    "text": lambda slot: slot.prefix in ENCODERS,
}
"""Names of groups, besides `THIRDS`."""

ELEMENT_GROUPS = {"attention": Element(("attn",)), "mlp": Element(("mlp",))}
"""Names that stand for all slots and one kind of element."""


class NoSuchSlotError(LookupError):
    """A selector names something that the model does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


Ends: TypeAlias = "tuple[Slot, Slot]"


@dataclass(frozen=True, slots=True)
class Selector:
    """Slots by name, range, stack or group, and a filter of their weights."""

    group: str = ""
    """`*`, a name in `GROUPS` or `THIRDS`; empty when `ends` tells the slots."""
    ends: Ends | None = None
    third: str = ""
    elements: tuple[Element, ...] = ()
    """All must fit."""
    optional: bool = False
    """Whether a model may lack the slots."""

    def __str__(self) -> str:
        text = self.group
        if self.ends is not None:
            first, last = self.ends
            text = str(first)
            if last.prefix != first.prefix:
                text += f"-{last}"
            elif last != first:
                text += f"-{str(last)[len(last.prefix) :]}"
        text += f".{self.third}" if self.third else ""
        text += "?" if self.optional else ""
        return text + "".join(f".{element}" for element in self.elements)

    def select(
        self, slots: Sequence[Slot], open_prefixes: Collection[str] = frozenset()
    ) -> list[Slot]:
        """The selected slots, in order.

        Args:
            slots: those that exist.
            open_prefixes: prefixes of slots that may exist on a side that is not connected.

        Raises:
            NoSuchSlotError: nothing like it exists; with `optional` the answer is empty.
        """
        missing = ""
        if self.ends is not None:
            chosen, missing = _range(*self.ends, slots, open_prefixes)
        elif self.group == ALL:
            chosen = list(slots)
        else:
            chosen = _group(self.group, slots)
            missing = "" if chosen or open_prefixes else self.group
        if missing and not self.optional:
            raise NoSuchSlotError(missing)
        return _thirds(chosen, self.third)


def _range(
    first: Slot, last: Slot, slots: Sequence[Slot], open_prefixes: Collection[str]
) -> tuple[list[Slot], str]:
    """The slots between two ends, and the name of an end that does not exist."""
    heads, tails = _named(first, slots), _named(last, slots)
    missing = [
        str(end) for end, found in ((first, heads), (last, tails))
        if not found and end.prefix not in open_prefixes
    ]  # fmt: skip
    if first.prefix == last.prefix and first.number >= 0:
        # Whatever exists between them: an optional range may reach beyond the model's end.
        chosen = [
            slot for slot in slots
            if slot.prefix == first.prefix and first.number <= slot.number <= last.number
        ]  # fmt: skip
    elif heads and tails:
        positions = [slots.index(slot) for slot in (*heads, *tails)]
        chosen = list(slots[min(positions) : max(positions) + 1])
    else:
        chosen = []
    return chosen, missing[0] if missing else ""


def _named(end: Slot, slots: Sequence[Slot]) -> list[Slot]:
    """The slot of this name; a name without a number may also be a whole stack's."""
    if end in slots:
        return [end]
    if end.number >= 0:
        return []
    return [slot for slot in slots if slot.prefix in {end.prefix, f"{end.prefix}."}]


def _group(name: str, slots: Sequence[Slot]) -> list[Slot]:
    if name in THIRDS:
        # A UNet is one stack that is folded at M00.
        if any(slot.prefix == "M" for slot in slots):
            return list(filter(_stack(UNET_THIRDS[name]), slots))
        return _thirds(list(filter(GROUPS["blocks"], slots)), name)
    return list(filter(GROUPS[name], slots))


def _thirds(slots: Sequence[Slot], third: str) -> list[Slot]:
    """The early, mid or late third of each stack among the slots; of 19: 7, 6 and 6."""
    if not third:
        return list(slots)
    sizes: dict[str, int] = {}
    ranks: list[int] = []
    numbered = [slot for slot in slots if slot.number >= 0]
    for slot in numbered:
        ranks.append(sizes.get(slot.prefix, 0))
        sizes[slot.prefix] = ranks[-1] + 1
    wanted = THIRDS.index(third)
    return [
        slot for slot, rank in zip(numbered, ranks, strict=True)
        if rank * 3 // sizes[slot.prefix] == wanted
    ]  # fmt: skip
