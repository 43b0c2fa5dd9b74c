"""What `POST /satchel/v1/loras` answers: all LoRAs of this server, as the picker lists them."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

from ..satchel.errors import SatchelError
from ..satchel.folders import LocalModel
from ..satchel.jobs import Job, Jobs
from ..satchel.lora.architectures import ARCHITECTURES
from ..satchel.lora_cards import KIND, family_titles, lora_cards, read_headers
from ..satchel.progress import Cancellation, Report
from ..satchel.scan import scan
from .model_file import architectures_of
from .workspace import workspace

MAX_LORAS = 100_000
"""More than that are told without their facts."""
_PATIENCE_S = 0.3
"""How long an answer waits for headers to be read: for few new files that is enough."""


class LoraList:
    """The list, and the one job that reads what nobody has read yet."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._reading: Job | None = None
        self._tried: set[LocalModel] = set()

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
        job = self._read(models)
        job.finished.wait(_PATIENCE_S)
        reading = not job.finished.is_set()
        cards = [card.to_json() for card in lora_cards(models, space.catalog)]
        stamp = hashlib.sha256(json.dumps(cards).encode()).hexdigest()[:16]
        told = {"stamp": stamp, "reading": reading, "model": _model(model)}
        return told if stamp == known else {**told, "loras": cards, "families": family_titles()}

    def _read(self, models: tuple[LocalModel, ...]) -> Job:
        with self._lock:
            if self._reading is None or self._reading.finished.is_set():

                def work(report: Report, cancellation: Cancellation) -> int:
                    found = read_headers(models, workspace().catalog, cancellation, self._tried)
                    self._tried.update(found)
                    return len(found)

                self._reading = self._jobs.start(work)
            return self._reading


def _model(model: dict[str, str] | None) -> dict[str, Any] | None:
    if model is None:
        return None
    try:
        found = architectures_of(model.get("directory", ""), model.get("name", ""))
    except SatchelError:
        return None
    families = sorted({ARCHITECTURES[id_].family_id for id_ in found})
    return {"families": families} if families else None
