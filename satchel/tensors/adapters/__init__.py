"""Adapters that the host lacks (IA3, sd-scripts' and OneTrainer's OFT) or computes differently.

Each is a class in the host's protocol, without its base class; `nodes/host/adapters.py` adds that.
"""

from __future__ import annotations

from .base import OwnAdapter
from .boft import Boft
from .dora import Dora
from .ia3 import Ia3
from .oft import Oft
from .oft_input import OftInput

OWN_ADAPTERS: tuple[type[OwnAdapter], ...] = (Ia3, Oft, OftInput, Boft, Dora)
__all__ = ["OWN_ADAPTERS", "Boft", "Dora", "Ia3", "Oft", "OftInput", "OwnAdapter"]
