"""LoRA nodes: graph inputs -> stack entries -> patched models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..satchel.lora.report import EntryReport, format_report
from ..satchel.lora.rows import SOCKETS, LoraRow, parse_rows
from ..satchel.lora.stack import StackEntry, entries_of_rows, read_stack
from ..satchel.lora.window import Window
from ..satchel.tensors.fuse import ScaledPatch, plan_waves
from ..satchel.tensors.plan import Side, entry_report, side_of
from . import host
from .planning import (
    LoraStackType,
    PlannedEntry,
    StackPlanner,
    file_stamps,
    find_path,
    settle_window,
    sides_with,
    skipped_report,
    told_to_user,
    window_on,
    with_presets_written_out,
)
from .upstream import sources


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
            hidden=[io.Hidden.dynprompt],
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
        with told_to_user():
            for entry in with_presets_written_out(entries_of_rows(_rows(inputs, unknown))):
                if entry.name:
                    find_path(entry, folders)
        return True

    @classmethod
    def fingerprint_inputs(cls, **inputs: Any) -> Any:
        """Size and time of each file and preset file, so that a changed one is read again."""
        unknown = {name for name, value in inputs.items() if value is None}
        return file_stamps(entries_of_rows(_rows(inputs, unknown)))

    @classmethod
    def execute(
        cls, model: Any = None, clip: Any = None, lora_stack: Any = None, **inputs: Any
    ) -> io.NodeOutput:
        folders = host.model_folders()
        with told_to_user():
            rows = _rows(inputs)
            own = with_presets_written_out(entries_of_rows(rows))
            entries = [*read_stack(lora_stack, sources(cls)), *own]
            paths = [find_path(entry, folders) for entry in entries]
            model, clip, reports = apply_stack(model, clip, entries, paths)
        stack = [entry.to_tuple() for entry in entries]
        off = [f"Row {row.number}: {row.name or 'no LoRA'}, off" for row in rows if not row.on]
        return io.NodeOutput(model, clip, stack, format_report(reports, off, stack_notes(entries)))


def apply_stack(
    model: Any, clip: Any, entries: list[StackEntry], paths: list[Path | None]
) -> tuple[Any, Any, list[EntryReport]]:
    """Applies entries, in order, to clones of what is connected.

    Returns the model and the CLIP, each of them unchanged where nothing applies, and one report
    per entry.

    Args:
        paths: their files; None for one that is missing and may be.

    Raises:
        SatchelError: about the first entry that cannot be applied.
    """
    if model is None and clip is None:
        return None, None, [
            _passed_on(entry) if path else skipped_report(entry)
            for entry, path in zip(entries, paths, strict=True)
        ]  # fmt: skip
    planner = StackPlanner(model, clip)
    planned: list[PlannedEntry] = []
    step = host.node_progress(len(entries))
    for entry, path in zip(entries, paths, strict=True):
        step()
        in_place = sides_with(entry, model, None if clip is None else clip.patcher)
        item = planner.plan(entry, path, in_place)
        settle_window(item)
        planned.append(item)
    model = _patched(model, "model", planned)
    clip = _patched(clip, "clip", planned)
    return model, clip, [item.report for item in planned]


def _patched(original: Any, side: Side, planned: list[PlannedEntry]) -> Any:
    """A clone of one side with its patches; the original itself if there are none."""
    always: list[ScaledPatch] = []
    windows: dict[Window, list[ScaledPatch]] = {}
    for item in planned:
        own = [patch for patch in item.scaled if side_of(patch.patch.key) == side]
        window = window_on(item.report.entry.window, side)
        (always if window.is_always else windows.setdefault(window, [])).extend(own)
    windows = {window: own for window, own in windows.items() if own}
    if not always and not windows:
        return original
    clone = host.clone_with_windows(original) if windows else original.clone()
    used = [item for item in planned if not item.report.skipped]
    ids = frozenset(item.report.entry.entry_id for item in used) - {""}
    metadata = next((item.metadata for item in reversed(used) if item.metadata), {})
    patcher = clone if side == "model" else clone.patcher
    host.add_waves(patcher, plan_waves(always), ids, metadata)
    if windows:
        host.add_windows(clone, [(window, plan_waves(own)) for window, own in windows.items()])
    return clone


def _passed_on(entry: StackEntry) -> EntryReport:
    with entry.named():
        report = entry_report(entry)
    report.notes.append("passed on: no model and no CLIP is connected")
    return report


def stack_notes(entries: list[StackEntry]) -> list[str]:
    """What a report says about the stack as a whole."""
    if any(entry.settings.matter for entry in entries):
        return [
            "LORA_STACK: block weights, steps and skipping travel inside the entries; only "
            "Satchel's nodes read them, others apply these rows to all blocks, in all steps"
        ]
    return []


def _rows(inputs: dict[str, Any], unknown: set[str] | None = None) -> list[LoraRow]:
    cells = {name: value for name, value in inputs.items() if name not in SOCKETS}
    return parse_rows(cells, unknown=unknown or set())


LORA_NODES: list[type[io.ComfyNode]] = [SatchelLoraStack]
