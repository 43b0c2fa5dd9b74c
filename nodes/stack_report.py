"""A report of a LoRA stack: what fits, how strongly it acts where, and which LoRAs clash."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import InvalidInputError, LoraFileError, LoraMismatchError
from ..satchel.lora.report import format_report
from ..satchel.lora.stack import StackEntry, read_stack
from ..satchel.tensors.fuse import ScaledPatch
from ..satchel.tensors.plan import entry_report, side_of
from ..satchel.tensors.stack_report import StackFigures, format_figures, measure_stack
from . import host
from .planning import LoraStackType, PlannedEntry, StackPlanner, find_path, told_to_user
from .stack_picture import PictureRow, draw_stack
from .upstream import sources


class SatchelStackReport(io.ComfyNode):
    """Tells what a LoRA stack does to a model, without applying it."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelStackReport",
            display_name="Stack Report (Satchel)",
            category="Satchel/LoRA",
            description="Shows what each LoRA of a stack changes in which blocks, how strongly, "
            "and which LoRAs work together or against each other, as text and as a picture.",
            search_aliases=["lora report", "lora analysis", "lora compare", "lora heatmap"],
            inputs=[
                io.Model.Input(
                    "model", optional=True,
                    tooltip="The diffusion model, before or behind the stack.",
                ),
                io.Clip.Input("clip", optional=True, tooltip="The text encoder."),
                LoraStackType.Input("lora_stack", tooltip="The LoRAs to report on."),
            ],
            outputs=[
                io.String.Output("report", display_name="report", tooltip="All figures as text."),
                io.Image.Output(
                    "picture", display_name="picture",
                    tooltip="Sizes by block slot as a heat map, similarities as a matrix.",
                ),
            ],
            hidden=[io.Hidden.dynprompt],
        )  # fmt: skip

    @classmethod
    def execute(cls, lora_stack: Any, model: Any = None, clip: Any = None) -> io.NodeOutput:
        with told_to_user():
            if model is None and clip is None:
                raise InvalidInputError(
                    "Stack Report has neither a model nor a CLIP.",
                    hint="Connect what the LoRAs are for.",
                )
            entries = read_stack(lora_stack, sources(cls))
            planner = StackPlanner(model, clip)
            planned, problems = _plan(planner, entries)
        figures = _measure(planner, planned, model, clip)
        labels = [f"{number}. {entry.name}" for number, entry in enumerate(entries, 1)]
        text = [
            format_report([item.report for item in planned], [], []),
            format_figures(figures, labels) if entries else "The stack is empty.",
        ]
        rows = [_picture_row(item, item.report.entry.label in problems) for item in planned]
        count = f"{len(entries)} LoRA{'' if len(entries) == 1 else 's'}"
        picture = draw_stack(figures, rows, f"LoRA stack: {count}")
        image = host.image_of(*picture.size, picture.tobytes())
        return io.NodeOutput("\n\n".join(text), image)


def _plan(
    planner: StackPlanner, entries: list[StackEntry]
) -> tuple[list[PlannedEntry], frozenset[str]]:
    """What each entry comes to, and the labels of those that would stop the run: a report is there
    to tell of all of them."""
    folders = host.model_folders()
    planned: list[PlannedEntry] = []
    problems: set[str] = set()
    step = host.node_progress(len(entries))
    for entry in entries:
        step()
        path = find_path(entry, folders)
        try:
            planned.append(planner.plan(entry, path))
        except (LoraMismatchError, LoraFileError) as error:
            report = entry_report(entry)
            report.notes.append(f"stops the run: {error} {error.hint}".rstrip())
            planned.append(PlannedEntry(report))
            problems.add(entry.label)
    return planned, frozenset(problems)


def _measure(
    planner: StackPlanner, planned: list[PlannedEntry], model: Any, clip: Any
) -> StackFigures:
    layout = planner.targets.layout

    def dense(item: ScaledPatch) -> Any:
        side = side_of(item.patch.key)
        return host.dense_change(model if side == "model" else clip.patcher, item)

    return measure_stack(
        [item.scaled for item in planned],
        lambda key: str(layout.slot_of(key)),
        [str(slot) for slot in layout.slots([*(planner.targets.model or ()),
                                             *(planner.targets.clip or ())])],
        dense,
        (clip.patcher if model is None else model).load_device,
    )  # fmt: skip


def _picture_row(item: PlannedEntry, problem: bool) -> PictureRow:
    report = item.report
    name = str(PurePosixPath(report.entry.name).with_suffix(""))
    fitting = report.fitting_model + report.fitting_clip
    if problem or report.skipped:
        return PictureRow(name, "stops the run" if problem else "skipped", problem=True)
    if not item.scaled:
        return PictureRow(name, "changes nothing")
    return PictureRow(name, f"{fitting} of {report.modules} fit")


REPORT_NODES: list[type[io.ComfyNode]] = [SatchelStackReport]
