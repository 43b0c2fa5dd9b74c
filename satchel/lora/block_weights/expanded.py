"""Block weights written out: one number for each slot of a model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from .rules import BlockWeights, Rule, SlotWeights
from .selectors import Ends, Selector
from .slots import ENCODERS, Slot, slot_runs
from .values import Constant

T = TypeVar("T")


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
    return written_out(on, slots), on


def written_out(on: SlotWeights, slots: Sequence[Slot]) -> BlockWeights:
    """The rules that come to these weights on these slots."""
    rules = [
        Rule(Selector(ends=ends, optional=ends[0].prefix in ENCODERS), Constant(factor))
        for ends, factor in _parts(slots, on.factors)
        if factor != 1
    ]
    # Not every slot has such weights, which is no mistake of the user's.
    rules += [
        Rule(Selector(ends=ends, elements=elements, optional=True), Constant(number))
        for ends, filters in _parts(slots, {slot: on.filters.get(slot, ()) for slot in slots})
        for elements, number in filters
    ]
    return BlockWeights(tuple(rules))


def _parts(slots: Sequence[Slot], values: Mapping[Slot, T]) -> Iterator[tuple[Ends, T]]:
    """Neighbours that have the same value: first and last slot, and the value."""
    for run in slot_runs(slots):
        start = 0
        for end in range(1, len(run) + 1):
            if end == len(run) or values[run[end]] != values[run[start]]:
                yield (run[start], run[end - 1]), values[run[start]]
                start = end
