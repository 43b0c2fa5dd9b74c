"""The packs whose nodes can be converted; adding one is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Callable

from .comfyroll import PACK as COMFYROLL
from .easy_use import PACK as EASY_USE
from .efficiency import PACK as EFFICIENCY
from .inspire import PACK as INSPIRE
from .lora_manager import PACK as LORA_MANAGER
from .nodes import NewNode, Pack, SavedNode, Surroundings
from .rgthree import PACK as RGTHREE

PACKS: tuple[Pack, ...] = (RGTHREE, EFFICIENCY, COMFYROLL, EASY_USE, LORA_MANAGER, INSPIRE)

Reader = Callable[[SavedNode, Surroundings], NewNode]

READERS: dict[str, Reader] = {
    class_type: reader for pack in PACKS for class_type, reader in pack.readers.items()
}
REFUSED: dict[str, str] = {
    class_type: reason for pack in PACKS for class_type, reason in pack.refused.items()
}


def convertible_types() -> list[str]:
    """Class types that have a counterpart here, in the order of the packs."""
    return list(READERS)
