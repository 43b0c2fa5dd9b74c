"""What `POST /satchel/v1/block-norms` answers: how much a LoRA changes each slot, read once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from ..satchel.errors import InvalidInputError
from ..satchel.folders import ModelFolders
from ..satchel.lora.architectures import ARCHITECTURES
from ..satchel.progress import Cancellation
from ..satchel.tensors.slot_norms import slot_norms

_KEPT = 64
_Key = tuple[str, int, int, str]


class SlotNormsBook:
    """Those that were asked for last; may be used from any thread, which read one at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[_Key, dict[str, Any]] = OrderedDict()
        self._reading = threading.Lock()

    def of(
        self, name: str, architecture: str, folders: ModelFolders, cancellation: Cancellation
    ) -> dict[str, Any]:
        """The norms of a LoRA on an architecture.

        Raises:
            ModelNotFoundError: there is no such file.
            InvalidInputError: there is no such architecture.
            SatchelError: as `slot_norms`.
        """
        if architecture not in ARCHITECTURES:
            raise InvalidInputError(
                f"architecture is {architecture[:40]!r}, which is not known.",
                hint="Send one of the ids that /blocks lists.",
            )
        file = folders.get("loras", name)
        key = (file.key, file.size, file.mtime_ns, architecture)
        with self._reading:
            cancellation.check()
            if key not in self._known:
                self._known[key] = slot_norms(file.path, architecture, cancellation).to_json()
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]
