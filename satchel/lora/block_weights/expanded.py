"""Block weights written out: one number for each slot of a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from .rules import BlockWeights, Rule, SlotWeights
from .selectors import Selector
from .slots import ENCODERS, Slot, slot_runs
from .values import Constant


def expand(
    weights: BlockWeights, slots: Sequence[Slot], *, open_prefixes: Collection[str] = frozenset()
) -> tuple[BlockWeights, SlotWeights]:
    """The same weights without presets, groups, curves and random values, and what they come to.

    Slots of weight 1 are left out. Those of text encoders are optional: another CLIP may have
    others.

    Raises:
        BlockWeightSyntaxError: an item names a slot that is not there.
    """
    drawn = weights.drawn(slots, open_prefixes=open_prefixes)
    on = drawn.on(slots, open_prefixes=open_prefixes)
    rules = [
        _rule((run[start], run[end - 1]), on.factors[run[start]])
        for run in slot_runs(list(slots))
        for start, end in _equal_parts([on.factors[slot] for slot in run])
        if on.factors[run[start]] != 1
    ]
    for slot, filters in on.filters.items():
        for elements, number in filters:
            rule = _rule((slot, slot), number)
            rules.append(replace(rule, selector=replace(rule.selector, elements=elements)))
    return BlockWeights(tuple(rules)), on


def _rule(ends: tuple[Slot, Slot], number: float) -> Rule:
    optional = ends[0].prefix in ENCODERS
    return Rule(Selector(ends=ends, optional=optional), Constant(number))


def _equal_parts(numbers: Sequence[float]) -> list[tuple[int, int]]:
    """(start, end) of each part of a list in which all numbers are the same."""
    starts = [i for i, number in enumerate(numbers) if i == 0 or number != numbers[i - 1]]
    return list(zip(starts, [*starts[1:], len(numbers)], strict=True))
