"""What `POST /satchel/v1/blocks` answers: block weights as the page's editor draws them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..satchel.errors import BlockWeightSyntaxError, InvalidInputError
from ..satchel.lora.architectures import ARCHITECTURES
from ..satchel.lora.block_editor import (
    EditedBlocks,
    paint_blocks,
    read_blocks,
    slots_json,
)
from ..satchel.lora.block_weights.slots import Slot
from ..satchel.lora.block_weights.values import MAX_WEIGHT
from ..satchel.lora.file_slots import count_modules
from ..satchel.lora.identify import identify_lora
from ..satchel.lora.model_slots import architecture_layout, architecture_slots
from ..satchel.lora.presets import all_presets, builtin_presets, shipped_presets
from ..satchel.lora.verdict import may_carry_over, title_of
from ..satchel.lora.weights import compose, embed_presets
from ..satchel.safetensors_header import SafetensorsHeader
from . import host
from .model_file import architectures_of, header_of
from .planning import user_presets

MAX_TEXT = 100_000
MAX_SLOTS = 2_000


def show_blocks(body: dict[str, Any]) -> dict[str, Any]:
    """The slots of an architecture with their weights, and the text that these come to.

    Args:
        body: `text`; optional `before` and `seed` (as the Block Weights node composes them),
            `values` (slot -> weight, set by hand), and what tells the architecture:
            `architecture`, `model` (`{directory, name}`), `lora` (a name). Without
            `architecture` the model decides, then the LoRA.

    A text that has no meaning on these slots comes back with its `error`, and so does the name of a
    LoRA that is nowhere: both can be mended in the editor.

    Raises:
        InvalidInputError: the body has something else.
    """
    name = _text(body, "lora")
    file = host.model_folders().find("loras", name) if name else None
    header = None if file is None else header_of(file.path)
    trained_for = _trained_for(header)
    architecture, told_by = _architecture(body, trained_for)
    slots = architecture_slots(architecture) if architecture else ()
    presets = all_presets(user_presets())
    error: dict[str, Any] | None = None
    try:
        edited = _edited(body, slots, presets)
    except BlockWeightSyntaxError as problem:
        edited, error = EditedBlocks(_text(body, "text"), None), problem.to_json()
    fits = may_carry_over(trained_for, (architecture,) if architecture else ())
    # What another model calls a module says nothing of this one's slots.
    modules = count_modules(header, architecture) if header and architecture and fits else None
    return {
        "text": edited.text,
        "error": error,
        "slots": slots_json(edited, slots, modules),
        "architecture": architecture,
        "told_by": told_by,
        "fits": fits,
        "lora_missing": bool(name) and file is None,
        "trained_for": title_of(trained_for) if trained_for else None,
        "architectures": [{"id": id_, "title": it.title} for id_, it in ARCHITECTURES.items()],
        "presets": _presets(architecture, presets),
    }


def _edited(
    body: dict[str, Any], slots: tuple[Slot, ...], presets: Mapping[str, str]
) -> EditedBlocks:
    text = compose(_text(body, "before"), _text(body, "text"), _seed(body), presets)
    shown = embed_presets(text, presets, builtin_presets())
    if not slots:
        return EditedBlocks(shown, None)
    values = _values(body)
    if values is None:
        return read_blocks(text, slots, presets, shown)
    return paint_blocks(text, values, slots, presets)


def _presets(architecture: str, presets: Mapping[str, str]) -> list[dict[str, Any]]:
    """Those for any architecture and for this one, then the user's own."""
    layout = architecture_layout(architecture).id if architecture else "any"
    shipped = [*shipped_presets("any")]
    shipped += [name for name in builtin_presets(layout) if name not in shipped]
    own = [name for name in presets if name not in builtin_presets()]
    return [{"name": name, "own": name in own} for name in (*shipped, *own)]


def _architecture(body: dict[str, Any], trained_for: tuple[str, ...]) -> tuple[str, str]:
    """Its id and what told it, `architecture`, `model` or `lora`; two empty texts if nothing did.

    Raises:
        InvalidInputError: there is no such architecture.
    """
    chosen = _text(body, "architecture")
    if chosen and chosen not in ARCHITECTURES:
        raise InvalidInputError(
            f"architecture is {chosen!r}, which is not known.", hint="Choose one of the list."
        )
    if chosen:
        return chosen, "architecture"
    found = _of_model(body)
    if found:
        return found, "model"
    return (trained_for[0], "lora") if trained_for else ("", "")


def _of_model(body: dict[str, Any]) -> str:
    """The architecture of the connected model's file, if that can be told from its header."""
    model = body.get("model")
    if not isinstance(model, dict):
        return ""
    found = architectures_of(_text(model, "directory"), _text(model, "name"))
    return found[0] if found else ""


def _trained_for(header: SafetensorsHeader | None) -> tuple[str, ...]:
    if header is None:
        return ()
    identity = identify_lora(header)
    return identity.candidates if identity.architecture is None else (identity.architecture,)


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise InvalidInputError(
            f"{key} must be a text of at most {MAX_TEXT} characters.",
            hint='Send something like {"text": "IN04=0.5", "architecture": "sdxl"}.',
        )
    return value


def _seed(body: dict[str, Any]) -> int:
    seed = body.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InvalidInputError(
            "seed must be a whole number from 0 on.", hint='Send {"seed": 0} or a larger one.'
        )
    return seed


def _values(body: dict[str, Any]) -> dict[str, float] | None:
    values = body.get("values")
    if values is None:
        return None
    if not isinstance(values, dict) or len(values) > MAX_SLOTS:
        raise InvalidInputError(
            "values must be an object of slot names and weights.",
            hint='Send {"values": {"IN04": 0.5}}.',
        )
    for name, value in values.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or abs(value) > MAX_WEIGHT:
            raise InvalidInputError(
                f"The weight of {name[:40]} is no number from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}.",
                hint="Choose a weight in that range.",
            )
    return values
