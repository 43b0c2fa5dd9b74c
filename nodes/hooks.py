"""A LoRA stack as hooks: for some prompts, some masks or some of the steps only."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import InvalidInputError, LoraMismatchError
from ..satchel.lora.stack import StackEntry, read_stack
from ..satchel.lora.weights import parse_block_weights
from ..satchel.lora.window import Window
from ..satchel.tensors.fuse import ScaledPatch, Wave, plan_waves
from ..satchel.tensors.patches import Shape
from ..satchel.tensors.plan import Side
from . import host
from .planning import (
    LoraStackType,
    StackPlanner,
    find_path,
    settle_window,
    sides_with,
    skipped_report,
    told_to_user,
)
from .upstream import sources

WINDOW_STEP = 0.001


class SatchelCreateHookLoraStack(io.ComfyNode):
    """Hooks that apply a LoRA stack, block weights too, where conditioning carries them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelCreateHookLoraStack",
            display_name="Create Hook LoRA Stack (Satchel)",
            category="Satchel/LoRA",
            description="Turns a LoRA stack with its block weights into hooks, which apply it to "
            "the prompts that carry them, and in a part of the steps if wanted.",
            search_aliases=[
                "hook lora", "lora schedule", "lora steps", "lora start stop", "regional lora",
            ],
            inputs=[
                LoraStackType.Input("lora_stack", tooltip="The LoRAs to apply."),
                io.Hooks.Input(
                    "prev_hooks", optional=True, tooltip="Hooks that these are added to."
                ),
                io.Float.Input(
                    "start_percent", default=0.0, min=0.0, max=1.0, step=WINDOW_STEP,
                    optional=True, tooltip="From this part of sampling on: 0 is the start.",
                ),
                io.Float.Input(
                    "end_percent", default=1.0, min=0.0, max=1.0, step=WINDOW_STEP,
                    optional=True, tooltip="Up to this part of sampling: 1 is the end.",
                ),
            ],
            outputs=[
                io.Hooks.Output(
                    "HOOKS", display_name="HOOKS",
                    tooltip="For Set CLIP Hooks, Cond Set Props and Set Hook Keyframes.",
                ),
            ],
            hidden=[io.Hidden.dynprompt],
        )  # fmt: skip

    @classmethod
    def execute(
        cls, lora_stack: Any, prev_hooks: Any = None, start_percent: float = 0.0,
        end_percent: float = 1.0,
    ) -> io.NodeOutput:  # fmt: skip
        folders = host.model_folders()
        with told_to_user():
            outer = _window(start_percent, end_percent)
            plans: dict[Window, StackPlan] = {}
            for entry in read_stack(lora_stack, sources(cls)):
                with entry.named():
                    parse_block_weights(entry.blocks)
                    window = entry.window.within(outer)
                path = find_path(entry, folders)
                if path is None:
                    skipped_report(entry)
                else:
                    plans.setdefault(window, StackPlan()).add(entry, path)
        hooks = [(plan.waves, window) for window, plan in plans.items()]
        return io.NodeOutput(host.stack_hooks(hooks, prev_hooks))


def _window(start: float, end: float) -> Window:
    if not start < end:
        raise InvalidInputError(
            f"start_percent is {start:g} and end_percent {end:g}: there is nothing in between.",
            hint="Set start_percent to less than end_percent.",
        )
    return Window(start, end)


class StackPlan:
    """What the entries with one window change in the models that register their hook.

    A model is planned for once: sampling registers its hooks anew each time.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[StackEntry, Path]] = []
        self._planned: weakref.WeakKeyDictionary[
            Any, tuple[dict[str, Shape | None], frozenset[str], list[Wave]]
        ] = weakref.WeakKeyDictionary()

    def add(self, entry: StackEntry, path: Path) -> None:
        self._entries.append((entry, path))

    def waves(self, patcher: Any, side: Side) -> list[Wave]:
        """The patches for a model or a text encoder.

        Raises:
            SatchelError: about the first entry that cannot be applied to it.
        """
        shapes = host.weight_shapes(patcher)
        applied = host.applied_entries(patcher)
        known = self._planned.get(patcher.model)
        if known is None or known[:2] != (shapes, applied):
            with told_to_user():
                known = (shapes, applied, plan_waves(self._plan(patcher, side)))
            self._planned[patcher.model] = known
        return known[2]

    def _plan(self, patcher: Any, side: Side) -> list[ScaledPatch]:
        model = patcher if side == "model" else None
        clip = host.TextEncoder(patcher) if side == "clip" else None
        planner = StackPlanner(model, clip)
        scaled: list[ScaledPatch] = []
        for entry, path in self._entries:
            in_place = sides_with(entry, model, None if clip is None else patcher)
            try:
                item = planner.plan(replace(entry, on_mismatch="stop"), path, in_place)
                settle_window(item)
                scaled += item.scaled
            except LoraMismatchError as error:
                if _is_for_the_other_side(error, side):
                    continue
                if entry.on_mismatch == "stop":
                    raise
                skipped_report(entry, str(error))
        return scaled


def _is_for_the_other_side(error: LoraMismatchError, side: Side) -> bool:
    """Whether a LoRA of which nothing fits is no mistake: the host registers hooks on the model and
    on the text encoder one after the other, and a file may be for the other one."""
    lost: int = error.details["unmatched"] + error.details["conflicts"]
    elsewhere: int = error.details["modules"] - lost
    return elsewhere > 0 and (side == "clip" or lost == 0)


HOOK_NODES: list[type[io.ComfyNode]] = [SatchelCreateHookLoraStack]
