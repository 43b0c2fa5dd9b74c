"""What `POST /satchel/v1/loras` answers: all LoRAs of this server, as the picker lists them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..satchel.errors import SatchelError
from ..satchel.header_reading import HeaderReading
from ..satchel.jobs import Jobs
from ..satchel.lora.architectures import ARCHITECTURES
from ..satchel.lora_cards import KIND, family_titles, lora_cards
from ..satchel.scan import scan
from .model_file import architectures_of
from .workspace import workspace

MAX_LORAS = 100_000
"""More than that are told without their facts."""
_PATIENCE_S = 0.3
"""How long an answer waits for headers to be read."""


class LoraList:
    """The list, and the reading of what nobody has read yet."""

    def __init__(self, jobs: Jobs) -> None:
        self._headers = HeaderReading(jobs)

    def answer(self, known: str, model: dict[str, str] | None) -> dict[str, Any]:
        """The list as it is now.

        Args:
            known: the `stamp` of an earlier answer: if that is still right, `loras` is left out.
            model: `{directory, name}` of a model file, whose architecture is told, too.

        Raises:
            SatchelError: the settings or the catalog cannot be used.
        """
        space = workspace()
        models = scan(space.folders, space.catalog, [KIND]).models[:MAX_LORAS]
        reading = self._headers.read(models, space.catalog, _PATIENCE_S)
        cards = [card.to_json() for card in lora_cards(models, space.catalog)]
        stamp = hashlib.sha256(json.dumps(cards).encode()).hexdigest()[:16]
        told = {"stamp": stamp, "reading": reading, "model": _model(model)}
        return told if stamp == known else {**told, "loras": cards, "families": family_titles()}


def _model(model: dict[str, str] | None) -> dict[str, Any] | None:
    if model is None:
        return None
    try:
        found = architectures_of(model.get("directory", ""), model.get("name", ""))
    except SatchelError:
        return None
    families = sorted({ARCHITECTURES[id_].family_id for id_ in found})
    return {"families": families} if families else None
