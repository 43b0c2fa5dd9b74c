"""The connected models as a stack sees them, and how strongly an entry acts on their weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from ..lora.block_layouts import MODEL_PREFIX, BlockLayout, find_layout
from ..lora.block_layouts.slices import part_at, parts_of
from ..lora.stack import StackEntry
from ..lora.weights import BlockWeights, Place, Slot, SlotWeights, parse_block_weights
from .loaded_lora import LoadedLora
from .patches import Shape, Target

Side = Literal["model", "clip"]


@dataclass(frozen=True, slots=True)
class EntryStrengths:
    """How strongly one entry acts on each side and slot."""

    model: float
    clip: float
    """0 when the side is not connected, or has this entry already."""
    blocks: BlockWeights
    """With its random values drawn."""
    weights: SlotWeights
    """What `blocks` come to here; 1 everywhere while they count the blocks of an unread file."""
    in_place: frozenset[Side] = frozenset()
    """Sides to which a stack before this one has applied the entry."""

    def of(self, side: Side, place: Place) -> float:
        return (self.model if side == "model" else self.clip) * self.weights.of(place)

    def may_act(self, side: Side, slot: Slot) -> bool:
        """Whether any weight of a slot may change."""
        return (self.model if side == "model" else self.clip) * self.weights.largest(slot) != 0


@dataclass(slots=True)
class _Places:
    """Where the weights of some models lie."""

    layout: BlockLayout
    known: dict[tuple[str, str], Place] = field(default_factory=dict)
    slots: dict[Side, frozenset[Slot]] = field(default_factory=dict)

    def of(self, key: str, part: str = "") -> Place:
        place = self.known.get((key, part))
        if place is None:
            place = self.known[key, part] = self.layout.place_of(key, part)
        return place


@lru_cache(maxsize=4)
def _places_of(model: tuple[str, ...], clip: tuple[str, ...]) -> _Places:
    """The places of models with these keys; a stack on the same model finds them known."""
    places = _Places(find_layout([*model, *clip]))
    places.slots["model"] = frozenset(places.of(key).slot for key in model)
    places.slots["clip"] = frozenset(places.of(key).slot for key in clip)
    return places


@dataclass(slots=True)
class StackTargets:
    """The connected models, as one stack sees them."""

    model: dict[str, Shape | None] | None
    """State-dict key -> shape of the diffusion model's weights; None when not connected. A shape
    is None where the stored tensor does not tell it (packed quantised weights)."""
    clip: dict[str, Shape | None] | None
    layout: BlockLayout = field(init=False)
    slots: list[Slot] = field(init=False)
    _places_of: _Places = field(init=False)

    def __post_init__(self) -> None:
        self._places_of = _places_of(tuple(self.model or ()), tuple(self.clip or ()))
        self.layout = self._places_of.layout
        self.slots = self.layout.in_order(frozenset().union(*self._places_of.slots.values()))
        if self.clip is None:
            self.slots = [*self.layout.encoder_slots(), *self.slots]

    def strengths(
        self, entry: StackEntry, in_place: frozenset[Side] = frozenset()
    ) -> EntryStrengths:
        """An entry's strengths here.

        Raises:
            BlockWeightSyntaxError: the block weights are malformed, or name a slot that the model
                does not have.
        """
        blocks = parse_block_weights(entry.blocks)
        blocks = blocks.drawn(self.slots, open_prefixes=self._open_prefixes())
        return EntryStrengths(
            0.0 if self.model is None or "model" in in_place else entry.strength_model,
            0.0 if self.clip is None or "clip" in in_place else entry.strength_clip,
            blocks,
            self._weights(blocks),
            in_place,
        )

    def for_file(self, strengths: EntryStrengths, lora: LoadedLora) -> EntryStrengths:
        """The same, with weights that count the blocks of the file put on those blocks."""
        if strengths.blocks.positional is None:
            return strengths
        known = [patch.target for patch in lora.patches.values()
                 if patch.key in self.shapes_beside(patch.key)]  # fmt: skip
        blocks = strengths.blocks.named([self.place_of(target) for target in known])
        return replace(strengths, blocks=blocks, weights=self._weights(blocks))

    def place_of(self, target: Target) -> Place:
        """Slot and name of what a target addresses."""
        if isinstance(target, str):
            return self._place(target)
        key, part = target[:2]
        if part is None:  # the whole weight, with its halves exchanged
            return self._place(key)
        _, start, length = part
        shape = self.shapes_beside(key).get(key)
        size = shape[0] if shape else None
        return self._place(key, part_at(key, start, length, size))

    def _place(self, key: str, part: str = "") -> Place:
        return self._places_of.of(key, part)

    def _weights(self, blocks: BlockWeights) -> SlotWeights:
        return blocks.on(
            self.slots, open_prefixes=self._open_prefixes(), places=self._places()
        )  # fmt: skip

    def _places(self) -> Iterator[Place]:
        """Every weight, and every part of a fused one."""
        for key in (*(self.model or ()), *(self.clip or ())):
            for part in ("", *parts_of(key)):
                yield self._place(key, part)

    def _open_prefixes(self) -> frozenset[str]:
        return self.layout.block_prefixes() if self.model is None else frozenset()

    def acts(self, strengths: EntryStrengths) -> bool:
        """Whether the entry can change anything; if not, its file need not be read."""
        return any(
            strengths.may_act(side, slot)
            for side, slots in self._places_of.slots.items()
            for slot in slots
        )

    def shapes_beside(self, key: str) -> dict[str, Shape | None]:
        """The shapes of the side that a key belongs to."""
        return self.shapes_of(side_of(key))

    def shapes_of(self, side: Side) -> dict[str, Shape | None]:
        """The shapes of one side; empty where it is not connected."""
        return (self.model if side == "model" else self.clip) or {}


def side_of(key: str) -> Side:
    """Which of the two models owns a state-dict key."""
    return "model" if key.startswith(MODEL_PREFIX) else "clip"
