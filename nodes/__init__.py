"""What ComfyUI loads: the node classes, and the HTTP routes on load."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .block_weights import BLOCK_WEIGHT_NODES
from .hooks import HOOK_NODES
from .lora import LORA_NODES
from .models import MODEL_NODES
from .prompt import PROMPT_NODES
from .save_image import SAVE_NODES
from .stack_report import REPORT_NODES
from .triggers import TRIGGER_NODES


class SatchelExtension(ComfyExtension):
    async def on_load(self) -> None:
        from .background import background
        from .embedding import register_embedding
        from .preload import preload
        from .replacements import register_replacements
        from .routes import register_routes
        from .workspace import workspace

        register_routes()
        register_embedding()
        await register_replacements()
        await preload(workspace)
        background.begin()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            *LORA_NODES, *PROMPT_NODES, *BLOCK_WEIGHT_NODES, *TRIGGER_NODES, *HOOK_NODES,
            *REPORT_NODES, *SAVE_NODES, *MODEL_NODES,
        ]  # fmt: skip
