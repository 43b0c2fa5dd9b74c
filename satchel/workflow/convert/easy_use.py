"""ComfyUI-Easy-Use: easy loraStack and easy loraStackApply.

Saved values: `toggle, mode, num_loras`, then for each of ten slots `lora_N_name, lora_N_strength,
lora_N_model_strength, lora_N_clip_strength`. Switched off, the node gives no stack at all, not even
the one before it.
"""

from __future__ import annotations

from .efficiency import hidden_slots
from .nodes import (
    CLIP,
    LORA_STACK,
    MODEL,
    NewNode,
    Pack,
    Row,
    SavedNode,
    Surroundings,
    as_number,
    constant,
    lora_name,
    slot_layout,
    strength,
    within_range,
)

_MAX_SLOTS = 10
_SLOT = ("lora_{}_name", "lora_{}_strength", "lora_{}_model_strength", "lora_{}_clip_strength")
_LAYOUT = slot_layout(("toggle", "mode", "num_loras"), _SLOT, _MAX_SLOTS)
_OFF = (False, None, "False", "disabled")
"""`disabled` is what the first releases had."""


def _lora_stack(node: SavedNode, _: Surroundings) -> NewNode:
    values = node.named(_LAYOUT)
    on = constant(values, "toggle", True) not in _OFF
    count = int(as_number("num_loras", constant(values, "num_loras", 1)))
    names = [_SLOT[1]] * 2 if constant(values, "mode", "simple") == "simple" else _SLOT[2:]
    rows = []
    for slot in range(1, min(count, _MAX_SLOTS) + 1):
        name = lora_name(values.get(f"lora_{slot}_name"))
        if name:
            model, clip = (strength(values, pattern.format(slot)) for pattern in names)
            rows.append(Row(on, name, model, clip))
    kept, notes = within_range(rows)
    notes += hidden_slots(values, "lora_{}_name", "num_loras", count, _MAX_SLOTS)
    upstream = "optional_lora_stack"
    if not on and upstream in node.links:
        notes.append(
            "The node was off, which also kept back the LoRAs of optional_lora_stack: that input "
            "is disconnected."
        )
    unused = {pattern.format(n) for n in range(1, _MAX_SLOTS + 1) for pattern in _SLOT}
    return NewNode(
        {"lora_stack": upstream} if on else {},
        (("lora_stack", LORA_STACK),),
        kept,
        notes=tuple(notes),
        without_effect=frozenset({*unused, upstream}),
    )


def _lora_stack_apply(_: SavedNode, __: Surroundings) -> NewNode:
    sockets = {"model": "model", "clip": "optional_clip", "lora_stack": "lora_stack"}
    return NewNode(sockets, (("model", MODEL), ("clip", CLIP)))


PACK = Pack(
    "ComfyUI-Easy-Use",
    {"easy loraStack": _lora_stack, "easy loraStackApply": _lora_stack_apply},
)
