"""The only place that talks to ComfyUI: model folders, server, model patching."""

from .adapters import FusedLora, add_waves, applied_entries
from .folders import lora_names, model_folders, system_user_directory
from .hooks import stack_hooks
from .lora_files import load_lora, lora_cache
from .pictures import image_of
from .service import (
    add_route,
    is_idle,
    node_bytes,
    node_progress,
    running_node,
    send_event,
    versions,
)
from .weights import TextEncoder, dense_change, lora_key_map, weight_shapes
from .windows import add_windows, clone_with_windows

__all__ = [
    "FusedLora",
    "TextEncoder",
    "add_route",
    "add_waves",
    "add_windows",
    "applied_entries",
    "clone_with_windows",
    "dense_change",
    "image_of",
    "is_idle",
    "load_lora",
    "lora_cache",
    "lora_key_map",
    "lora_names",
    "model_folders",
    "node_bytes",
    "node_progress",
    "running_node",
    "send_event",
    "stack_hooks",
    "system_user_directory",
    "versions",
    "weight_shapes",
]
