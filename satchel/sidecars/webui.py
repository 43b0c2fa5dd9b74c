"""`NAME.json` of the A1111 web UI and Forge: what users wrote on a model's card.

Civitai Browser+ adds `sha256` to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalog.notes import Note
from ..folders import LocalModel
from .values import Sidecar, clipped, sha256_claims, split_at_commas, strength_of

FORMAT = "webui"
_FIELDS = frozenset({"activation text", "preferred weight", "sd version", "negative text"})


def read(document: Mapping[str, Any], model: LocalModel, written_ns: int) -> Sidecar | None:
    if not _FIELDS & document.keys():
        return None  # a model's configuration, or anything else that ends so
    parts = [clipped(document.get(field)) for field in ("description", "notes")]
    negative = clipped(document.get("negative text"))
    if negative:
        parts.append(f"Negative: {negative}")
    base_model = clipped(document.get("sd version"), 100)
    note = Note(
        FORMAT,
        text="\n".join(part for part in parts if part),
        words=split_at_commas(document.get("activation text")),
        base_model="" if base_model == "Unknown" else base_model,
        strength=strength_of(document.get("preferred weight")),
    )
    return Sidecar(note, sha256_claims(document.get("sha256"), FORMAT, model, written_ns))
