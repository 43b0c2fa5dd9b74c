"""What the LoRA nodes share: finding files, planning what each one changes, telling errors."""

from __future__ import annotations

import difflib
import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import (
    BlockWeightSyntaxError,
    InvalidInputError,
    LoraMismatchError,
    ModelNotFoundError,
    SafetensorsHeaderError,
    SatchelError,
)
from ..satchel.folders import LocalModel, ModelFolders
from ..satchel.lora.block_layouts import MODEL_PREFIX
from ..satchel.lora.identify import identify_lora
from ..satchel.lora.model_architecture import identify_model
from ..satchel.lora.presets import all_presets, builtin_presets, presets_stamp
from ..satchel.lora.report import EntryReport
from ..satchel.lora.stack import StackEntry
from ..satchel.lora.verdict import may_carry_over, mismatch_sentence
from ..satchel.lora.weights import embed_presets
from ..satchel.lora.window import ALWAYS, Window
from ..satchel.safetensors_header import read_header
from ..satchel.tensors.fuse import ScaledPatch
from ..satchel.tensors.plan import (
    EntryStrengths,
    Side,
    StackTargets,
    entry_report,
    lost_error,
    plan_entry,
    side_of,
)
from . import host

LoraStackType = io.Custom("LORA_STACK")
log = logging.getLogger(__name__)


@dataclass(slots=True)
class PlannedEntry:
    """What one entry of a stack comes to."""

    report: EntryReport
    scaled: list[ScaledPatch] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    """Of its file."""


class StackPlanner:
    """Plans the entries of one stack, in their order, on what is connected."""

    def __init__(self, model: Any, clip: Any) -> None:
        model_shapes = None if model is None else host.weight_shapes(model, MODEL_PREFIX)
        clip_shapes = None if clip is None else host.weight_shapes(clip.patcher)
        self._key_map = host.lora_key_map(model, clip, (model_shapes or {}) | (clip_shapes or {}))
        self.targets = StackTargets(model_shapes, clip_shapes)

    def plan(
        self, entry: StackEntry, path: Path | None, in_place: frozenset[Side] = frozenset()
    ) -> PlannedEntry:
        """What an entry changes; its file is read only if it changes anything.

        Args:
            path: its file; None for one that is missing and may be.

        Raises:
            SatchelError: it cannot be applied; the sentence names the entry.
        """
        if path is None:
            return PlannedEntry(skipped_report(entry))
        before = None if self.targets.model is None else dict(self.targets.model)
        try:
            with entry.named():
                return self._planned(entry, path, in_place)
        except LoraMismatchError as error:
            if entry.on_mismatch == "stop":
                raise
            self.targets.model = before  # a part of it may have given weights another shape
            return PlannedEntry(skipped_report(entry, str(error)))

    def _planned(self, entry: StackEntry, path: Path, in_place: frozenset[Side]) -> PlannedEntry:
        targets = self.targets
        try:
            strengths = targets.strengths(entry, in_place)
            if not targets.acts(strengths):
                return PlannedEntry(_idle_report(entry, strengths))
            lora, metadata = host.load_lora(path, self._key_map)
            scaled, report = plan_entry(entry, lora, strengths, targets)
            if report.is_mostly_lost and not self._may_fit(path):
                raise lost_error(report, targets)
            scaled = lora.with_numbers(scaled)
        except BlockWeightSyntaxError:
            self._require_fit(entry, path)
            raise
        except LoraMismatchError as error:
            raise self._explained(error, path) from error
        return PlannedEntry(report, scaled, metadata)

    def _may_fit(self, path: Path) -> bool:
        """Whether a file may be for the connected model, by the architectures of both."""
        return may_carry_over(_trained_for(path), identify_model(self.targets.model or {}))

    def _require_fit(self, entry: StackEntry, path: Path) -> None:
        """Whoever uses a LoRA of another architecture should hear that, not that the model lacks
        the slots which its block weights name."""
        targets = StackTargets(
            None if self.targets.model is None else dict(self.targets.model),
            None if self.targets.clip is None else dict(self.targets.clip),
        )
        lora, _ = host.load_lora(path, self._key_map)
        try:
            plain = replace(entry, blocks="")
            plan_entry(plain, lora, targets.strengths(plain), targets)
        except LoraMismatchError as error:
            raise self._explained(error, path) from error

    def _explained(self, error: LoraMismatchError, path: Path) -> LoraMismatchError:
        """The same with the architectures on both sides, as far as they can be told."""
        facts = error.details
        if not facts.get("parts"):
            return error
        trained_for, is_model = _trained_for(path), identify_model(self.targets.model or {})
        whole = "CLIP" if self.targets.model is None else "model"
        sentence = mismatch_sentence(
            whole, trained_for, is_model, facts["matched"], facts["modules"], facts["parts"]
        )
        known = {"trained_for": list(trained_for), "model": list(is_model)}
        return LoraMismatchError(sentence, hint=error.hint, **facts, **known)


def _trained_for(path: Path) -> tuple[str, ...]:
    """The architectures that a file may be for, by its header; none for a file without one."""
    try:
        identity = identify_lora(read_header(path))
    except (SafetensorsHeaderError, OSError):
        return ()
    return identity.candidates if identity.architecture is None else (identity.architecture,)


def skipped_report(entry: StackEntry, reason: str = "") -> EntryReport:
    """A report of an entry that is left out, which the log tells as well.

    Args:
        reason: a sentence that names the entry; without one its file is missing.
    """
    named = f"{entry.label} ({entry.name}): "
    told = reason.removeprefix(named) or "its file is in none of the loras folders."
    log.warning("Satchel: SKIPPED %s%s", named, told)
    with entry.named():
        report = entry_report(entry)
    report.skipped = told.rstrip(".")
    return report


def window_on(window: Window, side: Side) -> Window:
    """When an entry acts on one side: how many steps there will be is not known when a prompt is
    encoded, so a window told in steps acts on the text as a whole, if it holds the first one."""
    return ALWAYS if side == "clip" and window.unit == "step" else window


def settle_window(item: PlannedEntry) -> None:
    """Takes out what a window leaves no place for.

    Raises:
        InvalidInputError: a patch of the file has no strength, so that no window can turn it off.
    """
    entry, report = item.report.entry, item.report
    if entry.window.is_always:
        return
    fixed = [patch for patch in item.scaled if patch.patch.algorithm == "set"]
    if fixed:
        raise InvalidInputError(
            f"{entry.label} ({entry.name}): it replaces weights outright "
            f"({fixed[0].patch.key}), which cannot be limited {entry.window.describe()}.",
            hint="Let it act in all of sampling.",
        )
    if entry.window.unit == "step" and not entry.window.has_beginning and report.patched_clip:
        item.scaled = [patch for patch in item.scaled if side_of(patch.patch.key) == "model"]
        report.notes.append(
            f"{report.patched_clip} text encoder modules left out: the prompt is encoded before "
            "the first of its steps"
        )
        report.patched_clip = 0


def sides_with(entry: StackEntry, model: Any, patcher: Any) -> frozenset[Side]:
    """Sides that come from a stack which has applied this very entry already.

    Someone who connects both MODEL and LORA_STACK of one stack to the next wants each LoRA once.
    """
    sides: tuple[tuple[Side, Any], ...] = (("model", model), ("clip", patcher))
    return frozenset(
        side for side, patcher in sides
        if patcher is not None and entry.entry_id in host.applied_entries(patcher)
    )  # fmt: skip


def _idle_report(entry: StackEntry, strengths: EntryStrengths) -> EntryReport:
    report = entry_report(entry)
    report.notes.append(
        "not applied again: the stack before has applied it already"
        if strengths.in_place
        else "not read: its strength is 0 on everything that is connected"
    )
    return report


def find_lora(entry: StackEntry, folders: ModelFolders) -> LocalModel:
    """The entry's file, or an error that says what else the user may have meant."""
    found = folders.find("loras", entry.name)
    if found is not None:
        return found
    names = host.lora_names()
    by_base = {name.rpartition("/")[2]: name for name in names}
    close = difflib.get_close_matches(entry.name, names, 3) or [
        by_base[base]
        for base in difflib.get_close_matches(entry.name.rpartition("/")[2], by_base, 3)
    ]
    raise ModelNotFoundError(
        f"{entry.label}: {entry.name!r} is in none of the loras folders.",
        hint=f"Close to it: {', '.join(close)}." if close
        else "Run Check models, or `satchel plan` on the workflow, to see where to get it.",
        name=entry.name,
        directory="loras",
    )  # fmt: skip


def find_path(entry: StackEntry, folders: ModelFolders) -> Path | None:
    """The entry's file; None if it is missing and the entry is to be skipped then."""
    try:
        return find_lora(entry, folders).path
    except ModelNotFoundError:
        if entry.on_mismatch == "stop":
            raise
        return None


def file_stamps(entries: Iterable[StackEntry]) -> str:
    """Stands for place, size and time of each file and preset file, so that a changed one is read
    again.

    A digest, empty without files: the host writes it into the prompt, and so into images, which
    paths must not reach.
    """
    entries = list(entries)
    folders = host.model_folders()
    files = [folders.find("loras", entry.name) for entry in entries]
    stamps = [file and (str(file.path), file.size, file.mtime_ns) for file in files]
    has_blocks = any(entry.blocks for entry in entries)
    told = [*stamps, *(presets_stamp(user_presets()) if has_blocks else [])]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16] if told else ""


def with_presets_written_out(entries: list[StackEntry]) -> list[StackEntry]:
    """The entries with this user's presets spelled out: what leaves through LORA_STACK means the
    same everywhere.

    Raises:
        BlockWeightSyntaxError: block weights are malformed; the sentence names the entry.
    """
    if not any(entry.blocks for entry in entries):
        return entries
    presets = all_presets(user_presets())
    written: list[StackEntry] = []
    for entry in entries:
        with entry.named():
            written.append(replace(entry, blocks=embed_presets(entry.blocks, presets)))
    return written


def with_content(text: str) -> str:
    """Block weights with this user's own presets spelled out, as a graph should keep them."""
    return embed_presets(text, all_presets(user_presets()), builtin_presets())


def user_presets() -> Path:
    """Where users keep their preset files."""
    return host.system_user_directory() / "presets"


@contextmanager
def told_to_user() -> Iterator[None]:
    """The host shows an error's text and nothing else, so the hint joins it."""
    try:
        yield
    except SatchelError as error:
        if not error.hint:
            raise
        raise type(error)(f"{error} {error.hint}", **error.details) from error
