"""LoRA nodes: graph inputs -> stack entries -> patched models."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import ModelNotFoundError, SatchelError
from ..satchel.folders import LocalModel, ModelFolders
from ..satchel.lora.block_layouts import MODEL_PREFIX
from ..satchel.lora.report import EntryReport, format_report
from ..satchel.lora.rows import LoraRow, parse_rows
from ..satchel.lora.stack import StackEntry, entries_of_rows, read_stack
from ..satchel.lora.weights import parse_block_weights
from ..satchel.tensors.fuse import ScaledPatch, plan_waves
from ..satchel.tensors.plan import (
    EntryStrengths,
    Side,
    StackTargets,
    entry_report,
    plan_entry,
    side_of,
)  # fmt: skip
from . import host

LoraStackType = io.Custom("LORA_STACK")
SOCKETS = ("model", "clip", "lora_stack")


class SatchelLoraStack(io.ComfyNode):
    """Applies any number of LoRAs at once, each with its own strengths and block weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelLoraStack",
            display_name="LoRA Stack (Satchel)",
            category="Satchel/LoRA",
            description="Applies any number of LoRAs at once, each with its own model and CLIP "
            "strength and block weights, and reports exactly what each of them changed.",
            search_aliases=[
                "lora", "load lora", "lora loader", "lora stack", "power lora", "block weight",
                "lbw", "multiple loras",
            ],
            inputs=[
                io.Model.Input("model", optional=True, tooltip="The diffusion model to patch."),
                io.Clip.Input("clip", optional=True, tooltip="The text encoder to patch."),
                LoraStackType.Input(
                    "lora_stack", optional=True,
                    tooltip="LoRAs of another stack; they are applied before this node's own.",
                ),
            ],
            outputs=[
                io.Model.Output("MODEL", display_name="MODEL"),
                io.Clip.Output("CLIP", display_name="CLIP"),
                LoraStackType.Output(
                    "LORA_STACK", display_name="LORA_STACK",
                    tooltip="All LoRAs of this stack and the ones before it, for other nodes.",
                ),
                io.String.Output(
                    "report", display_name="report",
                    tooltip="What each row changed, and what in its file found no place.",
                ),
            ],
            # Rows are undeclared inputs, checked by satchel.lora.rows: declaring them would put
            # the list of LoRAs into /object_info once per row.
            accept_all_inputs=True,
        )  # fmt: skip

    @classmethod
    def validate_inputs(cls, **inputs: Any) -> bool:
        """Checks the rows when the graph is queued, as far as their values are known.

        Raises instead of returning a text: the host repeats a returned text for every input, but
        shows an exception once.
        """
        unknown = {name for name, value in inputs.items() if value is None}
        folders = host.model_folders()
        with _told_to_user():
            for entry in entries_of_rows(_rows(inputs, unknown)):
                with entry.named():
                    parse_block_weights(entry.blocks)
                if entry.name:
                    _find(entry, folders)
        return True

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> Any:
        """Size and time of each file, so that a replaced one is read again."""
        unknown = {name for name, value in inputs.items() if value is None}
        folders = host.model_folders()
        files = [folders.find("loras", row.name) for row in _rows(inputs, unknown) if row.on]
        return [file and (str(file.path), file.size, file.mtime_ns) for file in files]

    @classmethod
    def execute(
        cls, model: Any = None, clip: Any = None, lora_stack: Any = None, **inputs: Any
    ) -> io.NodeOutput:
        folders = host.model_folders()
        with _told_to_user():
            rows = _rows(inputs)
            entries = [*read_stack(lora_stack), *entries_of_rows(rows)]
            paths = [_find(entry, folders).path for entry in entries]
            model, clip, reports = apply_stack(model, clip, entries, paths)
        stack = [entry.to_tuple() for entry in entries]
        off = [f"Row {row.number}: {row.name or 'no LoRA'}, off" for row in rows if not row.on]
        return io.NodeOutput(model, clip, stack, format_report(reports, off, _notes(entries)))


def apply_stack(
    model: Any, clip: Any, entries: list[StackEntry], paths: list[Path]
) -> tuple[Any, Any, list[EntryReport]]:
    """Applies entries, in order, to clones of what is connected.

    Returns the model and the CLIP, each of them unchanged where nothing applies, and one report
    per entry.

    Raises:
        SatchelError: about the first entry that cannot be applied.
    """
    if model is None and clip is None:
        return None, None, [_passed_on(entry) for entry in entries]
    patcher = None if clip is None else clip.patcher
    targets = StackTargets(
        None if model is None else host.weight_shapes(model, MODEL_PREFIX),
        None if patcher is None else host.weight_shapes(patcher),
    )
    key_map = host.lora_key_map(model, clip)
    scaled: list[ScaledPatch] = []
    reports: list[EntryReport] = []
    metadata: dict[str, str] = {}
    step = host.node_progress(len(entries))
    for entry, path in zip(entries, paths, strict=True):
        step()
        with entry.named():
            strengths = targets.strengths(entry, _sides_with(entry, model, patcher))
            if not targets.acts(strengths):
                reports.append(_idle_report(entry, strengths))
                continue
            lora, file_metadata = host.load_lora(path, key_map)
            patches, report = plan_entry(entry, lora, strengths, targets)
        scaled += patches
        reports.append(report)
        metadata = file_metadata or metadata
    ids = frozenset(entry.entry_id for entry in entries if entry.entry_id)
    model = _patched(model, "model", scaled, ids, metadata)
    clip = _patched(clip, "clip", scaled, ids, metadata)
    return model, clip, reports


def _patched(
    original: Any, side: Side, scaled: list[ScaledPatch], ids: frozenset[str],
    metadata: dict[str, str],
) -> Any:  # fmt: skip
    """A clone of one side with its patches; the original itself if there are none."""
    own = [item for item in scaled if side_of(item.patch.key) == side]
    if not own:
        return original
    clone = original.clone()
    host.add_waves(clone if side == "model" else clone.patcher, plan_waves(own), ids, metadata)
    return clone


def _sides_with(entry: StackEntry, model: Any, patcher: Any) -> frozenset[Side]:
    """Sides that come from a stack which has applied this very entry already.

    Someone who connects both MODEL and LORA_STACK of one stack to the next wants each LoRA once.
    """
    sides: tuple[tuple[Side, Any], ...] = (("model", model), ("clip", patcher))
    return frozenset(
        side for side, patcher in sides
        if patcher is not None and entry.entry_id in host.applied_entries(patcher)
    )  # fmt: skip


def _passed_on(entry: StackEntry) -> EntryReport:
    with entry.named():
        report = entry_report(entry)
    report.notes.append("passed on: no model and no CLIP is connected")
    return report


def _idle_report(entry: StackEntry, strengths: EntryStrengths) -> EntryReport:
    report = entry_report(entry)
    report.notes.append(
        "not applied again: the stack before has applied it already"
        if strengths.in_place
        else "not read: its strength is 0 on everything that is connected"
    )
    return report


def _notes(entries: list[StackEntry]) -> list[str]:
    if any(entry.blocks for entry in entries):
        return [
            "LORA_STACK: block weights travel inside the names; only Satchel's nodes read them, "
            "others apply these rows to all blocks alike"
        ]
    return []


def _rows(inputs: dict[str, Any], unknown: set[str] | None = None) -> list[LoraRow]:
    cells = {name: value for name, value in inputs.items() if name not in SOCKETS}
    return parse_rows(cells, unknown=unknown or set())


def _find(entry: StackEntry, folders: ModelFolders) -> LocalModel:
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


@contextmanager
def _told_to_user() -> Iterator[None]:
    """The host shows an error's text and nothing else, so the hint joins it."""
    try:
        yield
    except SatchelError as error:
        if not error.hint:
            raise
        raise type(error)(f"{error} {error.hint}", **error.details) from error


LORA_NODES: list[type[io.ComfyNode]] = [SatchelLoraStack]
