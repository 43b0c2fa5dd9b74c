"""Comfyroll Studio: CR LoRA Stack, CR Apply LoRA Stack and CR Load LoRA.

CR LoRA Stack saves `switch_N, lora_name_N, model_weight_N, clip_weight_N` for three slots.
"""

from __future__ import annotations

from .nodes import (
    CLIP,
    LORA_STACK,
    MODEL,
    NewNode,
    Pack,
    Row,
    SavedNode,
    Surroundings,
    constant,
    lora_name,
    slot_layout,
    strength,
    within_range,
)

_SLOTS = 3
_STACK_LAYOUT = slot_layout(
    (), ("switch_{}", "lora_name_{}", "model_weight_{}", "clip_weight_{}"), _SLOTS
)
_LOADER_LAYOUT = slot_layout(("switch", "lora_name", "strength_model", "strength_clip"), (), 0)
_LOADER_OUTPUTS = (("MODEL", MODEL), ("CLIP", CLIP), ("show_help", None))


def _lora_stack(node: SavedNode, _: Surroundings) -> NewNode:
    values = node.named(_STACK_LAYOUT)
    rows = []
    for slot in range(1, _SLOTS + 1):
        name = lora_name(values.get(f"lora_name_{slot}"))
        if name:
            on = constant(values, f"switch_{slot}", "Off") == "On"
            model = strength(values, f"model_weight_{slot}")
            rows.append(Row(on, name, model, strength(values, f"clip_weight_{slot}")))
    kept, notes = within_range(rows)
    outputs = (("LORA_STACK", LORA_STACK), ("show_help", None))
    return NewNode({"lora_stack": "lora_stack"}, outputs, kept, notes=tuple(notes))


def _apply_lora_stack(_: SavedNode, __: Surroundings) -> NewNode:
    sockets = {"model": "model", "clip": "clip", "lora_stack": "lora_stack"}
    return NewNode(sockets, _LOADER_OUTPUTS)


def _load_lora(node: SavedNode, _: Surroundings) -> NewNode:
    values = node.named(_LOADER_LAYOUT)
    name = lora_name(values.get("lora_name"))
    rows = []
    if name:
        on = constant(values, "switch", "On") == "On"
        model = strength(values, "strength_model")
        rows.append(Row(on, name, model, strength(values, "strength_clip")))
    kept, notes = within_range(rows)
    return NewNode({"model": "model", "clip": "clip"}, _LOADER_OUTPUTS, kept, notes=tuple(notes))


_RANDOM = "It draws its LoRAs or their weights at random; the rows of a stack are fixed."

PACK = Pack(
    "Comfyroll Studio",
    {
        "CR LoRA Stack": _lora_stack,
        "CR Apply LoRA Stack": _apply_lora_stack,
        "CR Load LoRA": _load_lora,
    },
    refused={"CR Random LoRA Stack": _RANDOM, "CR Random Weight LoRA": _RANDOM},
)
