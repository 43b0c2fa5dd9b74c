"""How much a LoRA file changes each block slot of an architecture, from its tensors alone."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..lora.block_weights.slots import Slot
from ..lora.file_slots import module_slots
from ..lora.keys import collect_modules, split_tail
from ..progress import Cancellation
from ..safetensors_header import read_header
from .lora_reader import TensorReader, stamp_of
from .module_norms import MEASURED, module_norm


@dataclass(frozen=True, slots=True)
class SlotNorms:
    """Frobenius norms at full strength: of all changes in a slot together."""

    norms: dict[Slot, float]
    unmeasured: int
    """Modules whose change depends on the model's own weights."""

    def to_json(self) -> dict[str, Any]:
        return {
            "norms": {str(slot): norm for slot, norm in self.norms.items()},
            "unmeasured": self.unmeasured,
        }


def slot_norms(path: Path, architecture_id: str, cancellation: Cancellation) -> SlotNorms:
    """Reads a safetensors file module by module.

    Raises:
        CancelledError: `cancellation` was triggered.
        SafetensorsHeaderError: it is no safetensors file.
        LoraFileError: its tensors cannot be read, or are not finite.
    """
    header = read_header(path)
    reader = TensorReader(path, header, stamp_of(path.stat()))
    shapes = [(name, info.shape) for name, info in header.tensors.items()]
    names: dict[str, dict[str, str]] = defaultdict(dict)
    for name, _ in shapes:
        split = split_tail(name)
        if split is not None and split[1].role in MEASURED:
            names[split[0]][split[1].role] = name
    squares: dict[Slot, float] = defaultdict(float)
    unmeasured = 0
    for module, slot in module_slots(collect_modules(shapes), architecture_id):
        cancellation.check()
        roles = names.get(module.base, {})
        read = reader.read(roles.values())
        norm = module_norm({role: read[name] for role, name in roles.items()})
        if norm is None:
            unmeasured += 1
        else:
            squares[slot] += norm * norm
    return SlotNorms({slot: math.sqrt(square) for slot, square in squares.items()}, unmeasured)
