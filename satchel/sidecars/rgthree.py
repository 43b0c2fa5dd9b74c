"""`NAME.safetensors.rgthree-info.json` of rgthree-comfy.

Fields as in its `py/server/utils_info.py`: `sha256`, `name`, `baseModel`, `trainedWords` (objects
with `word` and who said so), `userNote`, and `raw.civitai`, a version's body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalog.notes import Note
from ..folders import LocalModel
from ..marketplaces.civitai_records import items, table
from .civitai_helper import records
from .values import Sidecar, clipped, clipped_words, sha256_claims

FORMAT = "rgthree-info"


def read(document: Mapping[str, Any], model: LocalModel, written_ns: int) -> Sidecar | None:
    if not {"sha256", "trainedWords", "raw"} & document.keys():
        return None
    versions = records(table(document.get("raw")).get("civitai"))
    # Words with only a count are the training's tags, which the file's own header tells as well.
    words = [
        entry.get("word")
        for entry in items(document.get("trainedWords"))
        if entry.get("user") is True or (entry.get("civitai") is True and not versions)
    ]
    note = Note(
        FORMAT,
        title=clipped(document.get("name"), 500),
        text=clipped(document.get("userNote")),
        words=clipped_words(words),
        base_model=clipped(document.get("baseModel"), 100),
    )
    claims = sha256_claims(document.get("sha256"), FORMAT, model, written_ns)
    return Sidecar(note, claims, versions)
