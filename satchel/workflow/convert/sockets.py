"""Inputs and outputs of Satchel's nodes, as a UI graph saves them."""

from __future__ import annotations

from typing import Any

from .nodes import PROMPT_NODE, TRIGGER_NODE, NewNode

Json = dict[str, Any]

SOCKET_TYPES = {"model": "MODEL", "clip": "CLIP", "lora_stack": "LORA_STACK"}
DISPLAY_NAMES = {
    "SatchelLoraStack": "LoRA Stack (Satchel)",
    PROMPT_NODE: "LoRA Stack from Prompt (Satchel)",
    TRIGGER_NODE: "Trigger Words (Satchel)",
}
TRIGGER_SIZE = (320, 200)
_WIDGET_TYPES = {
    "on": "BOOLEAN", "lora": "COMBO", "strength_model": "FLOAT", "strength_clip": "FLOAT",
    "blocks": "STRING", "prompt": "STRING", "dialect": "COMBO", "extra": "STRING",
    "exclude": "STRING",
}  # fmt: skip
_OUTPUTS = [("MODEL", "MODEL"), ("CLIP", "CLIP"), ("LORA_STACK", "LORA_STACK")]


def input_slots(new: NewNode) -> list[Json]:
    """All inputs, without links: sockets, then one for each widget."""
    names = ["lora_stack"] if new.class_type == TRIGGER_NODE else list(SOCKET_TYPES)
    sockets = [{"name": name, "type": SOCKET_TYPES[name], "link": None} for name in names]
    return [*sockets, *(widget_slot(name) for name in new.cells())]


def widget_slot(name: str) -> Json:
    kind = _WIDGET_TYPES.get(name) or _WIDGET_TYPES[name.rpartition("_")[0]]
    return {"name": name, "type": kind, "widget": {"name": name}, "link": None}


def output_slots(class_type: str) -> list[Json]:
    """All outputs, without links."""
    outputs = {
        PROMPT_NODE: [*_OUTPUTS, ("prompt", "STRING"), ("report", "STRING")],
        TRIGGER_NODE: [("words", "STRING"), ("per LoRA", "STRING")],
    }.get(class_type, [*_OUTPUTS, ("report", "STRING")])
    return [{"name": name, "type": kind, "links": []} for name, kind in outputs]


TRIGGER_NOTE = (
    "The trigger words come from the files' own headers now, joined by commas, not from what that "
    "pack has stored about them."
)


def lost_input(name: str) -> str:
    return f"Its input {name} was connected; the new node has none like it."


def lost_output(name: str) -> str:
    return f"Its output {name} was connected; the new node has none like it, so it is disconnected."
