"""Weights that count the blocks present in a LoRA file, as the Inspire Pack's do.

They turn into named slots as soon as the file's targets are known. Blocks are counted in the order
of `SECTIONS`, by number within each; everything else is the base.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...errors import BlockWeightSyntaxError
from .elements import Element
from .rules import Rule
from .selectors import ALL, Selector
from .slots import Place, Slot
from .values import Constant, format_number

SECTIONS = {
    "in": "input_blocks", "mid": "middle_block", "out": "output_blocks",
    "double": "double_blocks", "single": "single_blocks",
}  # fmt: skip
"""Name in a `%` text -> module list, in the order in which blocks are counted."""

_NATIVE = re.compile(rf"diffusion_model\.({'|'.join(SECTIONS.values())})\.([0-9]+)\.")

Block = tuple[str, int]
"""Module list and number of one block."""


@dataclass(frozen=True, slots=True)
class InspireVector:
    """A vector with its numbers drawn and its parameters filled in."""

    entries: tuple[tuple[float, ...], ...]
    """For the base, then for each present block: one value, or several for its weights."""
    label: str = ""
    text: str = field(default="", compare=False)
    """What the user wrote, for error messages."""

    def __str__(self) -> str:
        label = f"{self.label}:" if self.label else ""
        vector = ",".join(" ".join(map(format_number, entry)) for entry in self.entries)
        return f"inspire:{label}{vector}"

    def labelled(self, label: str) -> InspireVector:
        """The same under the name of a preset."""
        return replace(self, label=label)

    def rules(self, places: Sequence[Place]) -> tuple[Rule, ...]:
        """Named rules for a file that changes these weights."""
        rules = [_everything_else(self.entries[0][0], self.label)]
        for index, (block, members) in enumerate(_present(places, self.text), 1):
            entry = self.entries[min(index, len(self.entries) - 1)]
            if len(entry) == 1:
                rules.append(_block_rule(block, entry[0], self.label))
                continue
            for i, place in enumerate(members):
                rules.append(_weight_rule(place, entry[min(i, len(entry) - 1)], self.label))
        return (*rules[1:], rules[0])


@dataclass(frozen=True, slots=True)
class InspireSpec:
    """A `%` text: values by section, or by the numbers of present blocks within it."""

    default: float
    base: float
    items: tuple[tuple[str, int, int, float], ...]
    """Section, first and last number (1-based; 0 for the whole section), value."""
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        items = [f"default={format_number(self.default)}", f"base={format_number(self.base)}"]
        for section, first, last, value in self.items:
            number = f"{first}-{last}" if last > first else f"{first or ''}"
            items.append(f"{section}{number}={format_number(value)}")
        return "%" + ",".join(items)

    def labelled(self, label: str) -> InspireSpec:
        """The same: this form has no place for a name."""
        return self

    def rules(self, places: Sequence[Place]) -> tuple[Rule, ...]:
        """Named rules for a file that changes these weights."""
        blocks = [block for block, _ in _present(places, self.text)]
        weights = dict.fromkeys(blocks, self.default)
        for section, first, last, value in self.items:
            own = [block for block in blocks if block[0] == SECTIONS[section]]
            if last > len(own):
                raise _no_block(self.text, f"{section}{last}", f"{len(own)} blocks of {section}")
            chosen = own[first - 1 : last] if first else own
            weights |= dict.fromkeys(chosen, value)
        rules = [_block_rule(block, weight, "") for block, weight in weights.items()]
        return (*rules, _everything_else(self.base, ""))


def _present(places: Sequence[Place], text: str) -> list[tuple[Block, list[Place]]]:
    """The blocks that a file changes, as that pack counts them, each with its weights."""
    order = list(SECTIONS.values())
    found: dict[Block, list[Place]] = {}
    for place in places:
        match = _NATIVE.match(place.key)
        if match is not None:
            found.setdefault((match[1], int(match[2])), []).append(place)
    if not found and any(place.key.startswith("diffusion_model.") for place in places):
        raise _no_block(text, "Inspire's block weights", "no UNet, double or single blocks")
    return sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1]))


def _no_block(text: str, what: str, present: str) -> BlockWeightSyntaxError:
    return BlockWeightSyntaxError(
        f"{what}: this LoRA has {present}.",
        hint="Address blocks by name instead, such as B00-10=0.5, *=0.",
        text=text,
        position=max(text.find(what), 0),
        expected="blocks that are present in the file",
    )


def _everything_else(weight: float, label: str) -> Rule:
    return Rule(Selector(ALL), Constant(weight), label)


def _block_rule(block: Block, weight: float, label: str) -> Rule:
    section, number = block
    prefix = {"input_blocks": "IN", "middle_block": "M", "output_blocks": "OUT",
              "double_blocks": "D", "single_blocks": "S"}[section]  # fmt: skip
    if prefix == "M":  # one slot for three modules: told apart by their own number
        middle = Slot("M", 0)
        elements = (Element((str(number),)),)
        return Rule(Selector(ends=(middle, middle), elements=elements), Constant(weight), label)
    slot = Slot(prefix, number)
    return Rule(Selector(ends=(slot, slot)), Constant(weight), label)


def _weight_rule(place: Place, weight: float, label: str) -> Rule:
    selector = Selector(ends=(place.slot, place.slot), elements=(Element((f"'{place.key}'",)),))
    return Rule(selector, Constant(weight), label)
