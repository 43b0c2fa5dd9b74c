"""Decides what a stack entry changes: which patches, how strongly, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from ..errors import LoraMismatchError
from ..lora.block_layouts import MODEL_PREFIX, BlockLayout, find_layout
from ..lora.block_layouts.slices import part_at, parts_of
from ..lora.module_names import is_encoder_module, modules_of
from ..lora.renames.key_map import key_of
from ..lora.report import EntryReport, summarize
from ..lora.stack import StackEntry
from ..lora.verdict import mismatch_sentence
from ..lora.weights import (
    BlockWeights,
    Place,
    Slot,
    SlotWeights,
    format_block_weights,
    parse_block_weights,
)
from .fuse import ScaledPatch
from .patches import Patch, Shape, Target, bias_target, slice_shape

Side = Literal["model", "clip"]
Outcome = Literal["patched", "at_zero", "in_place", "conflict", "absent"]


@dataclass(frozen=True)
class LoadedLora:
    """A LoRA file after the host has matched it with the connected models.

    It is kept as long as its file, so what does not depend on strengths is found out once.
    """

    tensors: frozenset[str]
    """Names of all tensors in the file."""
    used: frozenset[str]
    """Names of those that the host's loader took."""
    targets: Mapping[str, Target]
    """Module name -> target: what the models have of this file."""
    patches: Mapping[Target, Patch]
    notes: tuple[str, ...] = ()
    """What the report should say about the file as a whole."""
    realize: Callable[[Collection[Target]], Mapping[Target, Patch]] | None = None
    """Gives patches with their numbers for some targets at least; None where `patches` have them.
    """

    _fits: dict[tuple[Target, Shape], bool] = field(default_factory=dict)

    @cached_property
    def modules(self) -> frozenset[str]:
        """All modules of the file."""
        return frozenset(modules_of(self.tensors))

    @cached_property
    def matched(self) -> frozenset[str]:
        """Those that have a target."""
        return frozenset(modules_of(self.used) & self.targets.keys())

    def fits(self, target: Target, shape: Shape) -> bool:
        """Whether the patch of a target can be added to a weight of this shape."""
        known = self._fits.get((target, shape))
        if known is None:
            known = self.patches[target].fits(slice_shape(target, shape))
            self._fits[target, shape] = known
        return known

    def with_numbers(self, scaled: Sequence[ScaledPatch]) -> list[ScaledPatch]:
        """The same patches of this file with all that patching needs, read now if need be."""
        if self.realize is None:
            return list(scaled)
        real = self.realize([item.patch.target for item in scaled])
        return [ScaledPatch(real[item.patch.target], item.strength) for item in scaled]


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
class StackTargets:
    """The connected models, as one stack sees them."""

    model: dict[str, Shape | None] | None
    """State-dict key -> shape of the diffusion model's weights; None when not connected. A shape
    is None where the stored tensor does not tell it (packed quantised weights)."""
    clip: dict[str, Shape | None] | None
    layout: BlockLayout = field(init=False)
    slots: list[Slot] = field(init=False)
    _side_slots: dict[Side, frozenset[Slot]] = field(init=False)
    _known_places: dict[tuple[str, str], Place] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        keys = [*(self.model or ()), *(self.clip or ())]
        self.layout = find_layout(keys)
        self._side_slots = {
            "model": frozenset(self._place(key).slot for key in self.model or ()),
            "clip": frozenset(self._place(key).slot for key in self.clip or ()),
        }
        self.slots = self.layout.in_order(self._side_slots["model"] | self._side_slots["clip"])
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
        place = self._known_places.get((key, part))
        if place is None:
            place = self._known_places[key, part] = self.layout.place_of(key, part)
        return place

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
            for side, slots in self._side_slots.items()
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


def plan_entry(
    entry: StackEntry, lora: LoadedLora, strengths: EntryStrengths, targets: StackTargets
) -> tuple[list[ScaledPatch], EntryReport]:
    """Sorts out one entry: the patches to apply, and an account of every module in its file.

    Raises:
        LoraMismatchError: nothing in the file fits what it should act on.
    """
    strengths = targets.for_file(strengths, lora)
    scaled: list[ScaledPatch] = []
    outcomes: dict[Target, Outcome] = {}
    for target, patch in lora.patches.items():
        outcomes[target], strength = _judge(lora, patch, strengths, targets)
        if strength:
            scaled.append(ScaledPatch(patch, strength))
            _note_reshape(patch, targets)
    report = _account(entry, lora, outcomes, targets)
    _note_blocks(report, strengths)
    _require_match(report, strengths, targets)
    return scaled, report


def entry_report(entry: StackEntry) -> EntryReport:
    """An empty report of an entry."""
    return EntryReport(entry, blocks=format_block_weights(parse_block_weights(entry.blocks)))


def _note_blocks(report: EntryReport, strengths: EntryStrengths) -> None:
    """Adds what block weights that were drawn, or counted in the file, have come to."""
    blocks = format_block_weights(strengths.blocks)
    if blocks != report.blocks:
        report.notes.append(f"blocks used: {blocks or '*=1'}")


def _judge(
    lora: LoadedLora, patch: Patch, strengths: EntryStrengths, targets: StackTargets
) -> tuple[Outcome, float]:
    """What becomes of a patch, and its strength, which is 0 unless it is applied."""
    key, target = patch.key, patch.target
    side = side_of(key)
    shapes = targets.shapes_of(side)
    if key not in shapes:
        return "absent", 0.0
    shape = shapes[key]
    if shape is not None and not lora.fits(target, shape):
        return "conflict", 0.0
    if side in strengths.in_place:
        return "in_place", 0.0
    strength = strengths.of(side, targets.place_of(target))
    return ("patched" if strength else "at_zero"), strength


def _note_reshape(patch: Patch, targets: StackTargets) -> None:
    """A patch may give its weight another shape for the patches after it."""
    if patch.algorithm != "lora" or not isinstance(patch.target, str):
        return
    shapes = targets.shapes_beside(patch.key)
    shape = shapes[patch.key]
    if shape is not None:
        shapes[patch.key] = patch.shape_after(shape)


def _account(
    entry: StackEntry,
    lora: LoadedLora,
    outcomes: Mapping[Target, Outcome],
    targets: StackTargets,
) -> EntryReport:
    report = entry_report(entry)
    report.notes += lora.notes
    modules, matched = lora.modules, lora.matched
    report.modules = len(modules)
    for module in sorted(modules - matched):
        if is_encoder_module(module) and targets.clip is None:
            report.clip_missing += 1
        elif not is_encoder_module(module) and targets.model is None:
            report.model_missing += 1
        else:
            report.unmatched.append(module)
    for module in sorted(matched):
        _count(report, module, lora.targets[module], outcomes)
    _note_lost_biases(report, outcomes)
    return report


def _note_lost_biases(report: EntryReport, outcomes: Mapping[Target, Outcome]) -> None:
    """A module counts as patched if its weight is, even where its bias finds no place."""
    keys = [(key_of(target), outcome) for target, outcome in outcomes.items()]
    hit = {key for key, outcome in keys if outcome not in {"absent", "conflict"}}
    lost = [
        key for key, outcome in keys
        if outcome in {"absent", "conflict"} and f"{key.removesuffix('.bias')}.weight" in hit
    ]  # fmt: skip
    if lost:
        report.notes.append(f"{len(lost)} biases not in the model: {summarize(lost)}")


def _count(
    report: EntryReport, module: str, target: Target, outcomes: Mapping[Target, Outcome]
) -> None:
    """Adds a module to the count of the best thing that became of its patches."""
    key = key_of(target)
    became = {outcomes[hit] for hit in (target, bias_target(target)) if hit in outcomes}
    if not became & {"patched", "at_zero", "in_place"}:
        (report.conflicts if "conflict" in became else report.unmatched).append(module)
        return
    if side_of(key) == "model":
        report.fitting_model += 1
    else:
        report.fitting_clip += 1
    if "patched" not in became:
        report.in_place += "in_place" in became
        report.at_zero += "in_place" not in became
    elif side_of(key) == "model":
        report.patched_model += 1
    else:
        report.patched_clip += 1


def _require_match(report: EntryReport, strengths: EntryStrengths, targets: StackTargets) -> None:
    """Refuses a LoRA that cannot be meant for what is connected.

    With a diffusion model connected, that is one whose modules for diffusion models all miss, even
    if its text encoder modules fit: that would be half a LoRA of another architecture.
    """
    lost = [name for name in report.unmatched + report.conflicts if not is_encoder_module(name)]
    half = targets.model is not None and strengths.model != 0 and report.fitting_model == 0
    if report.fitting_model + report.fitting_clip and not (half and lost):
        return
    raise lost_error(report, targets)


def lost_error(report: EntryReport, targets: StackTargets) -> LoraMismatchError:
    """The error about a LoRA that is not meant for what is connected."""
    parts = _lost_parts(report)
    return LoraMismatchError(
        _mismatch(report, targets, parts),
        hint="Use a LoRA that was trained for this model, or switch the row off.",
        modules=report.modules,
        unmatched=len(report.unmatched),
        conflicts=len(report.conflicts),
        matched=report.fitting_model + report.fitting_clip,
        parts=parts,
    )


def _mismatch(report: EntryReport, targets: StackTargets, parts: str) -> str:
    if not report.modules:
        return "the file holds no LoRA weights."
    if report.clip_missing == report.modules:
        return f"all {report.modules} modules are for a text encoder, and no CLIP is connected."
    if report.model_missing == report.modules:
        return f"all {report.modules} modules are for a model, and no model is connected."
    whole = "CLIP" if targets.model is None else "model"
    return mismatch_sentence(whole, (), (), 0, report.modules, parts)


def _lost_parts(report: EntryReport) -> str:
    """What became of the modules that found no place; empty if none lost it."""
    parts = [
        f"{len(names)} {what} ({summarize(names)})"
        for names, what in (
            (report.unmatched, "are not in it"),
            (report.conflicts, "have another shape"),
        )
        if names
    ]
    if report.fitting_clip:
        parts.append(f"only {report.fitting_clip} text encoder modules fit")
    return "; ".join(parts)
