"""Other packs' nodes that the host itself can replace: those that one fixed mapping carries whole.

The host offers these in its list of missing nodes, and applies them to a prompt that is queued. It
reads every input that a mapping names, so only nodes whose inputs are all required qualify; rows,
switches and vectors need `satchel.workflow.convert`.
"""

from __future__ import annotations

from comfy_api.latest import ComfyAPI, io

from ..satchel.workflow.loaders import STACK_NODE

REPLACEMENTS = (
    io.NodeReplace(
        new_node_id=STACK_NODE,
        old_node_id="CR Apply LoRA Stack",
        input_mapping=[
            {"new_id": name, "old_id": name} for name in ("model", "clip", "lora_stack")
        ],
        output_mapping=[{"new_idx": 0, "old_idx": 0}, {"new_idx": 1, "old_idx": 1}],
    ),
)


async def register_replacements() -> None:
    """Tells the host."""
    api = ComfyAPI()
    for replacement in REPLACEMENTS:
        await api.node_replacement.register(replacement)
