"""`NAME.metadata.json` of ComfyUI-Lora-Manager.

Fields as in its `py/utils/models.py`: `size`, `sha256`, `notes`, `tags`, `base_model`, `usage_tips`
(JSON text) and `civitai`, a version's body. `file_path` is another machine's as often as not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..catalog.notes import Note
from ..folders import LocalModel
from ..marketplaces.fields import table
from .civitai_helper import records
from .values import MAX_TEXT, Sidecar, clipped, clipped_words, sha256_claims, strength_of

FORMAT = "metadata.json"
_MARKS = frozenset({"file_name", "sha256", "base_model", "from_civitai"})


def read(document: Mapping[str, Any], model: LocalModel, written_ns: int) -> Sidecar | None:
    if len(_MARKS & document.keys()) < 2:
        return None
    civitai = table(document.get("civitai"))
    owner = {**table(civitai.get("model")), "tags": document.get("tags")}
    versions = records(civitai, owner)
    note = Note(
        FORMAT,
        title=clipped(document.get("model_name"), 500),
        text=clipped(document.get("notes")),
        words=() if versions else clipped_words(civitai.get("trainedWords")),
        tags=clipped_words(document.get("tags")),
        base_model=clipped(document.get("base_model"), 100),
        strength=_strength(document.get("usage_tips")),
    )
    size = document.get("size")
    claims = sha256_claims(document.get("sha256"), FORMAT, model, written_ns, size)
    return Sidecar(note, claims, versions)


def _strength(tips: Any) -> float | None:
    try:
        value = json.loads(tips) if isinstance(tips, str) and len(tips) <= MAX_TEXT else {}
    except (ValueError, RecursionError):
        return None
    return strength_of(table(value).get("strength"))
