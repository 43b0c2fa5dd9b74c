"""Which architecture a model's file has, by its header."""

from __future__ import annotations

from pathlib import Path

from ..satchel.errors import SafetensorsHeaderError
from ..satchel.lora.block_layouts import MODEL_PREFIX
from ..satchel.lora.model_architecture import identify_model
from ..satchel.safetensors_header import SafetensorsHeader, read_header
from . import host

MODEL_KINDS = ("checkpoints", "diffusion_models")


def architectures_of(kind: str, name: str) -> tuple[str, ...]:
    """What a file of this server may be, the likeliest first; nothing if that cannot be told."""
    file = host.model_folders().find(kind, name) if kind in MODEL_KINDS else None
    header = None if file is None else header_of(file.path)
    if header is None:
        return ()
    return tuple(
        identify_model({_native(name): info.shape for name, info in header.tensors.items()})
    )


def header_of(path: Path) -> SafetensorsHeader | None:
    """None for a file that has none, such as a pickle."""
    try:
        return read_header(path)
    except (SafetensorsHeaderError, OSError):
        return None


def _native(name: str) -> str:
    """A weight's name as the host calls it: checkpoints put `model.` in front of it."""
    plain = name.removeprefix("model.")
    return plain if plain.startswith(MODEL_PREFIX) else MODEL_PREFIX + name
