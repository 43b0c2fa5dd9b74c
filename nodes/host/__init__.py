"""The only place that talks to ComfyUI: model folders, server, model patching."""

from .adapters import FusedLora, add_waves, applied_entries
from .folders import (
    custom_node_folders,
    input_directory,
    lora_names,
    model_folders,
    system_user_directory,
)
from .hooks import stack_hooks
from .lora_files import load_lora, lora_cache
from .packs import node_packs, output_types
from .pictures import image_of, pixels_of
from .service import (
    add_prompt_handler,
    add_route,
    is_idle,
    node_bytes,
    node_progress,
    output_path,
    queue_prompt,
    running_node,
    send_event,
    user_setting,
    versions,
    workflow_folder,
    writes_metadata,
)
from .weights import TextEncoder, dense_change, lora_key_map, weight_shapes
from .windows import add_windows, clone_with_windows

__all__ = [
    "FusedLora",
    "TextEncoder",
    "add_prompt_handler",
    "add_route",
    "add_waves",
    "add_windows",
    "applied_entries",
    "clone_with_windows",
    "custom_node_folders",
    "dense_change",
    "image_of",
    "input_directory",
    "is_idle",
    "load_lora",
    "lora_cache",
    "lora_key_map",
    "lora_names",
    "model_folders",
    "node_bytes",
    "node_packs",
    "node_progress",
    "output_path",
    "output_types",
    "pixels_of",
    "queue_prompt",
    "running_node",
    "send_event",
    "stack_hooks",
    "system_user_directory",
    "user_setting",
    "versions",
    "weight_shapes",
    "workflow_folder",
    "writes_metadata",
]
