"""What the LoRA nodes share: finding files, planning what each one changes, telling errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import ModelNotFoundError, SatchelError
from ..satchel.folders import LocalModel, ModelFolders
from ..satchel.lora.block_layouts import MODEL_PREFIX
from ..satchel.lora.presets import all_presets, presets_stamp
from ..satchel.lora.report import EntryReport
from ..satchel.lora.stack import StackEntry
from ..satchel.lora.weights import embed_presets
from ..satchel.tensors.fuse import ScaledPatch
from ..satchel.tensors.plan import EntryStrengths, Side, StackTargets, entry_report, plan_entry
from . import host

LoraStackType = io.Custom("LORA_STACK")


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
        self, entry: StackEntry, path: Path, in_place: frozenset[Side] = frozenset()
    ) -> PlannedEntry:
        """What an entry changes; its file is read only if it changes anything.

        Raises:
            SatchelError: it cannot be applied; the sentence names the entry.
        """
        with entry.named():
            strengths = self.targets.strengths(entry, in_place)
            if not self.targets.acts(strengths):
                return PlannedEntry(_idle_report(entry, strengths))
            lora, metadata = host.load_lora(path, self._key_map)
            scaled, report = plan_entry(entry, lora, strengths, self.targets)
            scaled = lora.with_numbers(scaled)
        return PlannedEntry(report, scaled, metadata)


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


def file_stamps(entries: Iterable[StackEntry]) -> list[Any]:
    """Size and time of each file and preset file, so that a changed one is read again."""
    entries = list(entries)
    folders = host.model_folders()
    files = [folders.find("loras", entry.name) for entry in entries]
    stamps = [file and (str(file.path), file.size, file.mtime_ns) for file in files]
    has_blocks = any(entry.blocks for entry in entries)
    return [*stamps, *(presets_stamp(_presets()) if has_blocks else [])]


def with_presets_written_out(entries: list[StackEntry]) -> list[StackEntry]:
    """The entries with this user's presets spelled out: what leaves through LORA_STACK means the
    same everywhere.

    Raises:
        BlockWeightSyntaxError: block weights are malformed; the sentence names the entry.
    """
    if not any(entry.blocks for entry in entries):
        return entries
    presets = all_presets(_presets())
    written: list[StackEntry] = []
    for entry in entries:
        with entry.named():
            written.append(replace(entry, blocks=embed_presets(entry.blocks, presets)))
    return written


def _presets() -> Path:
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
