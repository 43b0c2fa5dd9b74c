"""What a block layout is: rules that sort a model's weights into slots."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..block_weights.slots import Place, Slot, parse_slot

MODEL_PREFIX = "diffusion_model."
"""Every weight of a diffusion model starts with this; a text encoder's never does."""


@dataclass(frozen=True, slots=True)
class SlotRule:
    """Weights whose native name starts like `pattern` belong to this slot.

    The pattern's group `n` is the block's number. Its group `stack`, if there is one, replaces
    the name: the slot is then called after the module path.
    """

    name: str
    pattern: re.Pattern[str]

    def place(self, native: str) -> tuple[Slot, str] | None:
        """The slot, and the weight's name within it: for a block, what follows its number."""
        match = self.pattern.match(native)
        if match is None:
            return None
        groups = match.groupdict()
        if "n" not in groups:
            slot = parse_slot(self.name)
            return slot, native if slot.number < 0 else native[match.end() :]
        name = f"{groups['stack'].upper()}." if "stack" in groups else self.name
        return Slot(name, int(groups["n"])), native[match.end() :]


def slot_rule(name: str, pattern: str) -> SlotRule:
    return SlotRule(name, re.compile(pattern))


@dataclass(frozen=True, slots=True)
class BlockLayout:
    """Sorts target keys, as the host names a model's weights, into ordered slots."""

    id: str
    blocks: tuple[SlotRule, ...]
    """For the diffusion model; names are without `diffusion_model.`. The first match counts."""
    rest: str
    """Slot of the diffusion model's weights that no rule takes."""
    encoders: tuple[SlotRule, ...]
    """For text encoders; names are the full key, such as `clip_l.transformer....`."""
    encoder_rest: str
    """Slot of the text encoders' weights that no rule takes."""
    order: tuple[str, ...]
    """Prefixes in the order that people expect, numbers ascending within one; `*` stands for
    prefixes that are module paths."""
    signature: tuple[re.Pattern[str], ...] = ()
    """Each must match some native name of the model for the layout to apply."""
    encoder_sets: tuple[frozenset[str], ...] = ()
    """Without a model: the sets of text encoders that tell this layout; empty fits any."""

    def refusal(self, keys: Collection[str]) -> str | None:
        """Why a model with these keys is not laid out like this; None when it is."""
        native = [key.removeprefix(MODEL_PREFIX) for key in keys if key.startswith(MODEL_PREFIX)]
        if native:
            for pattern in self.signature:
                if not any(pattern.match(name) for name in native):
                    return f"no weight is named like {pattern.pattern}"
            return None
        encoders = frozenset(key.split(".", 1)[0] for key in keys if key.count(".") > 1)
        if self.encoder_sets and encoders not in self.encoder_sets:
            return f"its text encoders are {', '.join(sorted(encoders)) or 'none'}"
        return None

    def slot_of(self, key: str) -> Slot:
        """The slot of one target key; every key has one."""
        return self.place_of(key).slot

    def place_of(self, key: str, part: str = "") -> Place:
        """Where a target key lies.

        Args:
            part: what a slice of a fused weight is, such as `to_q`.
        """
        if key.startswith(MODEL_PREFIX):
            rules, native, rest = self.blocks, key[len(MODEL_PREFIX) :], self.rest
        else:
            rules, native, rest = self.encoders, key, self.encoder_rest
        found = next(filter(None, (rule.place(native) for rule in rules)), None)
        slot, name = found or (Slot(rest), native)
        ending = f".{part}" if part else ""
        return Place(slot, name + ending, key + ending)

    def slots(self, keys: Iterable[str]) -> list[Slot]:
        """The slots that these keys fill, in order."""
        return self.in_order({self.slot_of(key) for key in keys})

    def in_order(self, slots: Iterable[Slot]) -> list[Slot]:
        """These slots as people expect them."""
        return sorted(slots, key=self._rank)

    def encoder_slots(self) -> list[Slot]:
        """Slots that text encoders may fill, whether they are connected or not."""
        names = {rule.name for rule in self.encoders} | {self.encoder_rest}
        return sorted((parse_slot(name) for name in names), key=self._rank)

    def block_prefixes(self) -> frozenset[str]:
        """Prefixes of slots that a model may fill, whether it is connected or not."""
        names = {rule.name for rule in self.blocks} | {self.rest}
        return frozenset(parse_slot(name).prefix for name in names)

    def _rank(self, slot: Slot) -> tuple[int, Slot]:
        prefix = str(slot) if slot.number < 0 else slot.prefix
        return (self.order.index(prefix if prefix in self.order else "*"), slot)
