"""rgthree-comfy: Power Lora Loader, and its older Lora Loader Stack.

A Power Lora Loader saves `[{}, {"type": "PowerLoraLoaderHeaderWidget"}, ROW, ..., {}, ""]` with
`ROW = {"on", "lora", "strength", "strengthTwo"}`; older releases have null for the empty objects.
An API graph has the rows as `lora_N`. `strengthTwo` counts only where the node's property
`Show Strengths` separates model and CLIP; there null means 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .nodes import (
    CLIP,
    MODEL,
    NewNode,
    Pack,
    Row,
    SavedNode,
    Surroundings,
    as_number,
    lora_name,
    slot_layout,
    strength,
    within_range,
)

_ROW_INPUT = re.compile(r"lora_", re.IGNORECASE)
_OUTPUTS = (("MODEL", MODEL), ("CLIP", CLIP))
_SOCKETS = {"model": "model", "clip": "clip"}


def _power_lora_loader(node: SavedNode, _: Surroundings) -> NewNode:
    rows, notes = [], []
    for position, saved in enumerate(_saved_rows(node), 1):
        name = lora_name(saved.get("lora"))
        if not name:
            notes.append(f"Row {position} of the old node had no LoRA; it is left out.")
            continue
        model = as_number("strength", 1 if saved.get("strength") is None else saved["strength"])
        clip = _clip_strength(node, saved, model)
        rows.append(Row(saved.get("on") is True, name, model, clip))
    kept, clamped = within_range(rows)
    return NewNode(_SOCKETS, _OUTPUTS, kept, notes=(*notes, *clamped))


def _saved_rows(node: SavedNode) -> Iterator[Mapping[str, Any]]:
    if node.is_api:
        values = [value for name, value in node.inputs.items() if _ROW_INPUT.match(name)]
    elif isinstance(node.widgets, Mapping):
        values = list(node.widgets.values())
    else:
        values = node.widgets if isinstance(node.widgets, list) else []
    for value in values:
        if isinstance(value, Mapping) and "lora" in value:
            yield value


def _clip_strength(node: SavedNode, saved: Mapping[str, Any], model: float) -> float:
    second = saved.get("strengthTwo")
    if node.is_api:  # the pack's own script has left out what does not count
        return model if second is None else as_number("strengthTwo", second)
    if node.properties.get("Show Strengths") != "Separate Model & Clip":
        return model
    return 1.0 if second is None else as_number("strengthTwo", second)


_SLOTS = range(1, 5)
_STACK_LAYOUT = slot_layout((), ("lora_0{}", "strength_0{}"), 4)


def _lora_loader_stack(node: SavedNode, _: Surroundings) -> NewNode:
    values = node.named(_STACK_LAYOUT)
    rows = []
    for slot in _SLOTS:
        name = lora_name(values.get(f"lora_0{slot}"))
        if name:
            both = strength(values, f"strength_0{slot}")
            rows.append(Row(True, name, both, both))
    kept, notes = within_range(rows)
    return NewNode(_SOCKETS, _OUTPUTS, kept, notes=tuple(notes))


PACK = Pack(
    "rgthree-comfy",
    {
        "Power Lora Loader (rgthree)": _power_lora_loader,
        "Lora Loader Stack (rgthree)": _lora_loader_stack,
    },
)
