"""Block weights: how strongly a LoRA acts on each slot of a model.

Text form: `IN04-08=0.5, M00=1, *=0`. Items are `SLOT=weight`, `FIRST-LAST=weight` (a range of
numbers with one prefix, ends included) or `*=weight` (every slot that no other item names,
wherever it stands). Later items win; slots that nothing names weigh 1. Names ignore case and
leading zeros. Commas, semicolons, blanks and line breaks separate items.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..errors import BlockWeightSyntaxError

MAX_WEIGHT = 10.0
_ATOMIC = frozenset({"T5"})
"""Names that end in a digit which is no block number."""

_NAME = r"[A-Za-z_][A-Za-z0-9_.]*"
_SEPARATORS = re.compile(r"[\s,;]*")
_SLOTS = re.compile(rf"\*|(?P<first>{_NAME})(?:\s*-\s*(?P<last>{_NAME}|[0-9]+))?")
_EQUALS = re.compile(r"\s*=\s*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])")


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


def parse_slot(name: str) -> Slot:
    """Reads a slot's name, ignoring case and leading zeros; any name is accepted."""
    upper = name.upper()
    match = re.fullmatch(r"(.*?)([0-9]{1,6})", upper)
    if match is None or upper in _ATOMIC:
        return Slot(upper)
    return Slot(match[1], int(match[2]))


@dataclass(frozen=True, slots=True)
class Rule:
    """One item of the text: a run of slots and their weight."""

    first: Slot
    last: Slot
    weight: float
    position: int
    """Where the item starts in the text, for error messages."""


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """Parsed block weights; no rules and a default of 1 change nothing."""

    rules: tuple[Rule, ...] = ()
    default: float = 1.0
    text: str = ""
    """What the user wrote, for error messages."""

    def factors(
        self, slots: Sequence[Slot], *, open_prefixes: Collection[str] = frozenset()
    ) -> dict[Slot, float]:
        """The weight of each slot of a layout.

        Args:
            slots: the slots that exist, in their order.
            open_prefixes: prefixes of slots that may exist on a side that is not connected;
                naming them is no error.

        Raises:
            BlockWeightSyntaxError: an item names a slot that is not there.
        """
        factors = dict.fromkeys(slots, self.default)
        for rule in self.rules:
            named = [
                slot for slot in slots
                if slot.prefix == rule.first.prefix
                and rule.first.number <= slot.number <= rule.last.number
            ]  # fmt: skip
            for end in (rule.first, rule.last):
                if end not in factors and end.prefix not in open_prefixes:
                    raise self._unknown(end, rule, slots)
            factors.update(dict.fromkeys(named, rule.weight))
        return factors

    def _unknown(self, slot: Slot, rule: Rule, slots: Sequence[Slot]) -> BlockWeightSyntaxError:
        expected = describe_slots(slots)
        return BlockWeightSyntaxError(
            f"This model has no block slot {slot} (character {rule.position + 1} of the block "
            f"weights).",
            hint=f"Its slots are {expected}.",
            text=self.text,
            position=rule.position,
            expected=expected,
        )


def parse_block_weights(text: str) -> BlockWeights:
    """Reads the text form; the slots' names are checked later, against a model.

    Raises:
        BlockWeightSyntaxError: with the position and what was expected there.
    """
    rules: list[Rule] = []
    default = 1.0
    position = _skip(text, 0)
    while position < len(text):
        start = position
        slots = _SLOTS.match(text, position)
        if slots is None:
            raise _expected(text, position, "a slot name such as IN04, a range IN04-08, or *")
        equals = _EQUALS.match(text, slots.end())
        if equals is None:
            raise _expected(text, slots.end(), f"= and a weight after {slots[0]}")
        number = _NUMBER.match(text, equals.end())
        limit = f"a number from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}"
        if number is None or not abs(float(number[0])) <= MAX_WEIGHT:
            raise _expected(text, equals.end(), limit)
        if slots["first"] is None:
            default = float(number[0])
        else:
            first, last = _range(text, slots)
            rules.append(Rule(first, last, float(number[0]), start))
        position = _skip(text, number.end())
    return BlockWeights(tuple(rules), default, text)


def format_block_weights(weights: BlockWeights) -> str:
    """The canonical text: upper-case names, two-digit numbers, the default last.

    Parsing it gives the same rules and default again.
    """
    items = []
    for rule in weights.rules:
        end = "" if rule.last == rule.first else f"-{str(rule.last)[len(rule.last.prefix) :]}"
        items.append(f"{rule.first}{end}={rule.weight:g}")
    if weights.default != 1.0:
        items.append(f"*={weights.default:g}")
    return ", ".join(items)


def describe_slots(slots: Sequence[Slot]) -> str:
    """Names slots briefly: `BASE, IN00-IN11, M00, OUT00-OUT11`."""
    runs: list[list[Slot]] = []
    for slot in slots:
        previous = runs[-1][-1] if runs else None
        if previous is not None and (slot.prefix, slot.number) == (
            previous.prefix, previous.number + 1
        ) and previous.number >= 0:  # fmt: skip
            runs[-1].append(slot)
        else:
            runs.append([slot])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _skip(text: str, position: int) -> int:
    match = _SEPARATORS.match(text, position)
    return match.end() if match else position


def _range(text: str, match: re.Match[str]) -> tuple[Slot, Slot]:
    """`IN04`, `IN04-08` or `IN04-IN08` as its two ends."""
    first = parse_slot(match["first"])
    if match["last"] is None:
        return first, first
    written = match["last"]
    last = Slot(first.prefix, int(written)) if written.isdigit() else parse_slot(written)
    position = match.start("last")
    if first.number < 0 or last.prefix != first.prefix or last.number < 0:
        raise _expected(text, position, "a range of one prefix, such as IN04-08")
    if last.number < first.number:
        raise _expected(text, position, f"a number of at least {first.number}")
    return first, last


def _expected(text: str, position: int, expected: str) -> BlockWeightSyntaxError:
    found = f"{text[position : position + 12]!r}" if position < len(text) else "the end"
    return BlockWeightSyntaxError(
        f"Block weights: expected {expected} at character {position + 1}, found {found}.",
        hint="Write block weights like IN04-08=0.5, M00=1, *=0.",
        text=text,
        position=position,
        expected=expected,
    )
