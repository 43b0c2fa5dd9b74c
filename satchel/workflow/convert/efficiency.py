"""Efficiency Nodes: LoRA Stacker.

Saved values: `input_mode, lora_count`, then for each of 49 or 50 slots `lora_name_N, lora_wt_N,
model_str_N, clip_str_N`. Slots beyond `lora_count` are hidden and not used.
"""

from __future__ import annotations

from typing import Any

from .nodes import (
    LORA_STACK,
    Link,
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

_MAX_SLOTS = 50
_SLOT = ("lora_name_{}", "lora_wt_{}", "model_str_{}", "clip_str_{}")
_LAYOUT = slot_layout(("input_mode", "lora_count"), _SLOT, _MAX_SLOTS)


def _lora_stacker(node: SavedNode, _: Surroundings) -> NewNode:
    values = node.named(_LAYOUT)
    count = int(as_number("lora_count", constant(values, "lora_count", 3)))
    names = [_SLOT[1]] * 2
    if constant(values, "input_mode", "simple") != "simple":
        names = list(_SLOT[2:])
    rows = []
    for slot in range(1, min(count, _MAX_SLOTS) + 1):
        name = lora_name(values.get(f"lora_name_{slot}"))
        if name:
            model, clip = (strength(values, pattern.format(slot)) for pattern in names)
            rows.append(Row(True, name, model, clip))
    kept, notes = within_range(rows)
    notes += hidden_slots(values, "lora_name_{}", "lora_count", count, _MAX_SLOTS)
    if kept and "lora_stack" in node.links:
        notes.append(
            "The LoRAs of lora_stack come before those of this node now; they came after them. "
            "Only some formats (DoRA, OFT) give another result in another order."
        )
    unused = {pattern.format(slot) for slot in range(1, _MAX_SLOTS + 1) for pattern in _SLOT}
    return NewNode(
        {"lora_stack": "lora_stack"}, (("LORA_STACK", LORA_STACK),), kept, notes=tuple(notes),
        without_effect=frozenset(unused),
    )  # fmt: skip


def hidden_slots(
    values: dict[str, Any], pattern: str, counter: str, count: int, slots: int
) -> list[str]:
    """A note about LoRAs in slots beyond the count, if there are any."""
    hidden = [
        name if isinstance(name, str) else f"that of slot {slot}"
        for slot in range(count + 1, slots + 1)
        if (name := lora_name(values.get(pattern.format(slot)))) or isinstance(name, Link)
    ]
    if not hidden:
        return []
    return [f"Beyond {counter}, and not in use, so left out: {', '.join(hidden)}."]


PACK = Pack("Efficiency Nodes", {"LoRA Stacker": _lora_stacker})
