"""Block weights as a value: rules, and what they come to on the slots of one model."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from ...errors import BlockWeightSyntaxError
from .elements import Element
from .selectors import ALL, GROUPS, THIRDS, NoSuchSlotError, Selector
from .slots import Place, Slot, describe_slots, slot_runs
from .values import Constant, Curve, Draw, Value


@dataclass(frozen=True, slots=True)
class Rule:
    """One item of the text."""

    selector: Selector
    value: Value
    label: str = ""
    """Name of the preset that the item came with."""
    position: int = field(default=0, compare=False)
    """Where the item starts in the text, for error messages."""

    @property
    def is_default(self) -> bool:
        """Whether it is `*=weight`, which gives way to every other item."""
        return self.selector == Selector(ALL)

    @property
    def is_random(self) -> bool:
        return isinstance(self.value, Draw)

    def __str__(self) -> str:
        return f"{self.selector}={self.value}"


class Positional(Protocol):
    """Weights that count the blocks which are present in a LoRA file."""

    def rules(self, places: Sequence[Place]) -> tuple[Rule, ...]:
        """Named rules for a file that changes these weights, in the host's order."""

    def labelled(self, label: str) -> Positional:
        """The same under the name of a preset."""

    def __str__(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SlotWeights:
    """Block weights on one model."""

    factors: Mapping[Slot, float]
    """What a weight of the slot is multiplied by if no filter fits it."""
    filters: Mapping[Slot, Sequence[tuple[tuple[Element, ...], float]]]
    """More exact factors for some weights of a slot; the last one that fits counts."""

    def of(self, place: Place) -> float:
        for elements, factor in reversed(self.filters.get(place.slot, ())):
            if all(element.fits(place) for element in elements):
                return factor
        return self.factors[place.slot]

    def largest(self, slot: Slot) -> float:
        """The largest factor, regardless of sign, that any weight of the slot may have."""
        factors = [factor for _, factor in self.filters.get(slot, ())]
        return max(map(abs, [self.factors[slot], *factors]))


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """Parsed block weights; without rules they change nothing."""

    rules: tuple[Rule, ...] = ()
    seed: int | None = None
    positional: Positional | None = None
    """Instead of rules: weights that have a meaning only for a given file."""
    text: str = field(default="", compare=False)
    """What the user wrote, for error messages."""

    @property
    def is_random(self) -> bool:
        return any(rule.is_random for rule in self.rules)

    def named(self, places: Sequence[Place]) -> BlockWeights:
        """Positional weights as named slots; others as they are.

        Args:
            places: the weights that the LoRA file changes, in the host's order.

        Raises:
            BlockWeightSyntaxError: the file has none of the blocks that such weights count.
        """
        if self.positional is None:
            return self
        return BlockWeights(self.positional.rules(places), text=self.text)

    def drawn(
        self, slots: Sequence[Slot], *, open_prefixes: Collection[str] = frozenset()
    ) -> BlockWeights:
        """The same with every random value replaced by the numbers it comes to on these slots."""
        if not self.is_random:
            return self
        rules: list[Rule] = []
        for rule in sorted(self.rules, key=lambda rule: not rule.is_default):
            if not isinstance(rule.value, Draw):
                rules.append(rule)
                continue
            others = {} if not rule.is_default else self._named_slots(slots, open_prefixes)
            numbers = {
                slot: number
                for slot, number in self._values(rule, slots, open_prefixes).items()
                if slot not in others
            }
            rules += _constants(rule, numbers)
        return replace(self, rules=tuple(rules), seed=None)

    def factors(
        self, slots: Sequence[Slot], *, open_prefixes: Collection[str] = frozenset()
    ) -> dict[Slot, float]:
        """The weight of each slot as a whole, filters of single weights aside."""
        return dict(self.on(slots, open_prefixes=open_prefixes).factors)

    def on(
        self,
        slots: Sequence[Slot],
        *,
        open_prefixes: Collection[str] = frozenset(),
        places: Iterable[Place] | None = None,
    ) -> SlotWeights:
        """What the rules come to on a model.

        Args:
            slots: the slots that exist, in their order.
            open_prefixes: prefixes of slots that may exist on a side that is not connected;
                naming them is no error.
            places: all weights of the model; if given, a filter must fit one of them.

        Raises:
            BlockWeightSyntaxError: an item names a slot, or filters for weights, that are not
                there.
        """
        factors = dict.fromkeys(slots, 1.0)
        filters: dict[Slot, list[tuple[tuple[Element, ...], float]]] = {}
        for rule in sorted(self.rules, key=lambda rule: not rule.is_default):
            values = self._values(rule, slots, open_prefixes)
            elements = rule.selector.elements
            if elements and places is not None and not open_prefixes:
                places = tuple(places)
                self._require_weights(rule, values, places, slots)
            for slot, number in values.items():
                if elements:
                    filters.setdefault(slot, []).append((elements, number))
                else:
                    factors[slot] = number
                    filters.pop(slot, None)
        return SlotWeights(factors, filters)

    def _values(
        self, rule: Rule, slots: Sequence[Slot], open_prefixes: Collection[str]
    ) -> dict[Slot, float]:
        try:
            chosen = rule.selector.select(slots, open_prefixes)
        except NoSuchSlotError as error:
            raise self._unknown(error.name, rule, slots) from None
        value = rule.value
        if isinstance(value, Constant):
            return dict.fromkeys(chosen, value.number)
        if isinstance(value, Curve):
            return {slot: value.at(i, len(chosen)) for i, slot in enumerate(chosen)}
        filters = "".join(f".{element}" for element in rule.selector.elements)
        return {slot: value.draw(self.seed or 0, f"{slot}{filters}") for slot in chosen}

    def _named_slots(
        self, slots: Sequence[Slot], open_prefixes: Collection[str]
    ) -> dict[Slot, float]:
        """Slots that some other item names as a whole."""
        named: dict[Slot, float] = {}
        for rule in self.rules:
            if not rule.is_default and not rule.selector.elements:
                named |= self._values(rule, slots, open_prefixes)
        return named

    def _require_weights(
        self, rule: Rule, chosen: Collection[Slot], places: Sequence[Place], slots: Sequence[Slot]
    ) -> None:
        if rule.selector.optional or not chosen:
            return
        elements = rule.selector.elements
        if any(
            place.slot in chosen and all(element.fits(place) for element in elements)
            for place in places
        ):
            return
        wanted = ".".join(map(str, elements))
        raise BlockWeightSyntaxError(
            f"No weight in {describe_slots(list(chosen))} is called like {wanted} "
            f"({self._where(rule)}).",
            hint="Filters go by the names of the model's weights, such as attn, mlp or to_q.",
            text=self.text,
            position=rule.position,
            expected="a part of a weight's name",
        )

    def _unknown(self, name: str, rule: Rule, slots: Sequence[Slot]) -> BlockWeightSyntaxError:
        expected = describe_slots(slots)
        what = f"group {name}" if name in {*GROUPS, *THIRDS} else f"block slot {name}"
        close = difflib.get_close_matches(name, [*map(str, slots), *GROUPS, *THIRDS], 3)
        return BlockWeightSyntaxError(
            f"This model has no {what} ({self._where(rule)}).",
            hint=f"Its slots are {expected}."
            + (f" Close to it: {', '.join(close)}." if close else ""),
            text=self.text,
            position=rule.position,
            expected=expected,
        )

    def _where(self, rule: Rule) -> str:
        preset = f"preset {rule.label}, " if rule.label else ""
        return f"{preset}character {rule.position + 1} of the block weights"


def _constants(rule: Rule, numbers: Mapping[Slot, float]) -> list[Rule]:
    """One rule for each run of slots with one number."""
    rules: list[Rule] = []
    for run in slot_runs(list(numbers)):
        start = 0
        for end in range(1, len(run) + 1):
            if end == len(run) or numbers[run[end]] != numbers[run[start]]:
                selector = Selector(
                    ends=(run[start], run[end - 1]),
                    elements=rule.selector.elements,
                    optional=rule.selector.optional,
                )
                value = Constant(numbers[run[start]])
                rules.append(Rule(selector, value, rule.label, rule.position))
                start = end
    return rules
