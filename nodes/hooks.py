"""A LoRA stack as hooks: for some prompts, some masks or some of the steps only."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import InvalidInputError, LoraMismatchError
from ..satchel.lora.stack import StackEntry, read_stack
from ..satchel.lora.weights import parse_block_weights
from ..satchel.tensors.fuse import ScaledPatch, Wave, plan_waves
from ..satchel.tensors.patches import Shape
from ..satchel.tensors.plan import Side
from . import host
from .planning import LoraStackType, StackPlanner, find_lora, sides_with, told_to_user

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
        )  # fmt: skip

    @classmethod
    def execute(
        cls, lora_stack: Any, prev_hooks: Any = None, start_percent: float = 0.0,
        end_percent: float = 1.0,
    ) -> io.NodeOutput:  # fmt: skip
        folders = host.model_folders()
        with told_to_user():
            window = _window(start_percent, end_percent)
            entries = read_stack(lora_stack)
            for entry in entries:
                with entry.named():
                    parse_block_weights(entry.blocks)
            paths = [find_lora(entry, folders).path for entry in entries]
        return io.NodeOutput(host.stack_hooks(StackPlan(entries, paths).waves, window, prev_hooks))


def _window(start: float, end: float) -> list[tuple[float, float]]:
    """Keyframes of a hook that acts from `start` up to `end`; none if that is always."""
    if not start < end:
        raise InvalidInputError(
            f"start_percent is {start:g} and end_percent {end:g}: there is nothing in between.",
            hint="Set start_percent to less than end_percent.",
        )
    if start == 0 and end == 1:
        return []
    before = [(0.0, 0.0)] if start > 0 else []
    after = [(end, 0.0)] if end < 1 else []
    return [*before, (start, 1.0), *after]


class StackPlan:
    """What a stack changes in the models that register its hook.

    A model is planned for once: sampling registers its hooks anew each time.
    """

    def __init__(self, entries: list[StackEntry], paths: list[Path]) -> None:
        self._entries = entries
        self._paths = paths
        self._planned: weakref.WeakKeyDictionary[
            Any, tuple[dict[str, Shape | None], frozenset[str], list[Wave]]
        ] = weakref.WeakKeyDictionary()

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
        for entry, path in zip(self._entries, self._paths, strict=True):
            in_place = sides_with(entry, model, None if clip is None else patcher)
            try:
                scaled += planner.plan(entry, path, in_place).scaled
            except LoraMismatchError as error:
                if not _is_for_the_other_side(error, side):
                    raise
        return scaled


def _is_for_the_other_side(error: LoraMismatchError, side: Side) -> bool:
    """Whether a LoRA of which nothing fits is no mistake: the host registers hooks on the model and
    on the text encoder one after the other, and a file may be for the other one."""
    lost: int = error.details["unmatched"] + error.details["conflicts"]
    elsewhere: int = error.details["modules"] - lost
    return elsewhere > 0 and (side == "clip" or lost == 0)


HOOK_NODES: list[type[io.ComfyNode]] = [SatchelCreateHookLoraStack]
