"""Block weights as a value of their own."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from ..satchel.errors import InvalidInputError
from ..satchel.lora.architectures import ARCHITECTURES
from ..satchel.lora.block_layouts import MODEL_PREFIX
from ..satchel.lora.block_weights.expanded import expand
from ..satchel.lora.block_weights.rules import BlockWeights, SlotWeights
from ..satchel.lora.block_weights.slots import Slot
from ..satchel.lora.model_architecture import identify_model
from ..satchel.lora.model_slots import architecture_slots
from ..satchel.lora.presets import all_presets, builtin_presets, presets_stamp
from ..satchel.lora.verdict import title_of
from ..satchel.lora.weights import compose, format_block_weights, parse_block_weights
from ..satchel.tensors.plan import StackTargets
from . import host
from .block_picture import draw_blocks
from .planning import told_to_user, user_presets

ANY = "any"
NO_PRESET = "None"
GROUPS = {
    "early": "the first third of each stack of blocks, a UNet's way down",
    "mid": "the second third, a UNet's middle",
    "late": "the last third, a UNet's way up",
    "attention": "attention weights in all blocks",
    "mlp": "feed-forward weights in all blocks",
    "text": "text encoders",
}


class SatchelBlockWeights(io.ComfyNode):
    """Makes block weights for the rows of a stack, checks them, and draws them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        groups = [
            io.Float.Input(
                name, default=1.0, min=-10.0, max=10.0, step=0.05, optional=True,
                tooltip=f"Weight of {meaning}. 1 leaves it as the preset has it.",
            )
            for name, meaning in GROUPS.items()
        ]  # fmt: skip
        return io.Schema(
            node_id="SatchelBlockWeights",
            display_name="Block Weights (Satchel)",
            category="Satchel/LoRA",
            description="Makes block weights from a preset, groups and text, checks them against a "
            "model, writes them out slot by slot, and draws them.",
            search_aliases=["lbw", "block weight", "lora block weight", "lora blocks"],
            inputs=[
                io.Model.Input(
                    "model", optional=True, tooltip="The model that the LoRAs are for.",
                ),
                io.Combo.Input(
                    "architecture", options=[ANY, *ARCHITECTURES], default=ANY, optional=True,
                    tooltip="What the LoRAs are for, where no model is connected. any: slots are "
                    "not checked, and nothing is drawn.",
                ),
                io.Combo.Input(
                    "preset", options=[NO_PRESET, *builtin_presets()], default=NO_PRESET,
                    optional=True, tooltip="What to begin with.",
                ),
                *groups,
                io.String.Input(
                    "blocks", default="", multiline=True, optional=True,
                    tooltip="Block weights in any form, such as IN04-08=0.5, M00=1. They come "
                    "last, so they win.",
                ),
                io.Int.Input(
                    "seed", default=0, min=0, max=2**53 - 1, optional=True,
                    tooltip="For random values, where the text has no seed= of its own.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "text", display_name="blocks",
                    tooltip="For block weights of LoRA Stack, or lbw= of a prompt's tags.",
                ),
                io.Image.Output("picture", display_name="picture", tooltip="A bar for each slot."),
            ],
        )  # fmt: skip

    @classmethod
    def validate_inputs(cls, model: Any = None, **inputs: Any) -> bool:
        """Checks the text when the graph is queued, unless some of it is linked, which is None."""
        if None not in inputs.values():
            with told_to_user():
                _parse(inputs)
        return True

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> Any:
        """Size and time of the user's preset files."""
        return presets_stamp(user_presets())

    @classmethod
    def execute(cls, model: Any = None, architecture: str = ANY, **inputs: Any) -> io.NodeOutput:
        with told_to_user():
            weights = _parse(inputs)
            slots, title = _slots(model, architecture)
            if weights.positional is not None or not slots:
                text, on = format_block_weights(weights), None
            else:
                written_out, on = expand(weights, slots)
                text = format_block_weights(written_out)
        return _output(cls, text, slots, on, title)


def _parse(inputs: dict[str, Any]) -> BlockWeights:
    """What preset, groups and text come to.

    Raises:
        InvalidInputError: there is no such preset, or the text is malformed.
    """
    presets = all_presets(user_presets())
    preset = str(inputs.get("preset", NO_PRESET))
    if preset not in presets and preset != NO_PRESET:
        raise InvalidInputError(
            f"preset is {preset!r}, which is no preset here.",
            hint="Choose another one, or write its block weights into the text.",
        )
    items = [] if preset == NO_PRESET else [preset]
    for group in GROUPS:
        weight = float(inputs.get(group, 1.0))
        if weight != 1:
            items.append(f"{group}{'?' if group == 'text' else ''}={weight:g}")
    text = compose(", ".join(items), inputs.get("blocks", ""), int(inputs.get("seed", 0)), presets)
    return parse_block_weights(text, presets)


def _slots(model: Any, architecture: str) -> tuple[tuple[Slot, ...], str]:
    """The slots of what is connected, or else chosen, and what it is called."""
    if model is not None:
        targets = StackTargets(host.weight_shapes(model, MODEL_PREFIX), None)
        known = identify_model(targets.model or {})
        return tuple(targets.slots), title_of(known) if known else "the connected model"
    if architecture == ANY:
        return (), "any architecture"
    if architecture not in ARCHITECTURES:
        raise InvalidInputError(
            f"architecture is {architecture!r}, which is not known.",
            hint="Choose one of the list, or connect the model.",
        )
    return architecture_slots(architecture), title_of([architecture])


def _output(
    cls: Any, text: str, slots: tuple[Slot, ...], on: SlotWeights | None, title: str
) -> io.NodeOutput:
    head = f"Block weights for {title}" if on else f"Not drawn: {_why_not(slots)}"
    picture = draw_blocks(slots if on else (), on or SlotWeights({}, {}), head)
    image = host.image_of(*picture.size, picture.tobytes())
    return io.NodeOutput(text, image, ui=ui.PreviewImage(image, cls=cls))


def _why_not(slots: tuple[Slot, ...]) -> str:
    if slots:
        return "these weights count the blocks of each LoRA file"
    return "connect a model or choose an architecture"


BLOCK_WEIGHT_NODES: list[type[io.ComfyNode]] = [SatchelBlockWeights]
