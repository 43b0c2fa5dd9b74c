"""Decides what a stack entry changes: which patches, how strongly, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..errors import LoraMismatchError
from ..lora.module_names import is_encoder_module
from ..lora.renames.key_map import key_of
from ..lora.report import EntryReport, summarize
from ..lora.stack import StackEntry
from ..lora.verdict import mismatch_sentence
from ..lora.weights import format_block_weights, parse_block_weights
from .fuse import ScaledPatch
from .loaded_lora import LoadedLora
from .patches import Patch, Target, bias_target
from .targets import EntryStrengths, Side, StackTargets, side_of

Outcome = Literal["patched", "at_zero", "in_place", "conflict", "absent"]


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
    side: Side = side_of(key)
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
    if patch.algorithm != "lora" or patch.weights[5] is None or not isinstance(patch.target, str):
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
