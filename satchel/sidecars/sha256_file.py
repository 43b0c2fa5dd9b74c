"""`NAME.sha256` of image savers, `NAME.safetensors.sha256` of `sha256sum`: a digest comes first."""

from __future__ import annotations

from ..catalog.notes import Note
from ..folders import LocalModel
from .values import Sidecar, sha256_claims

FORMAT = "sha256"


def read(text: str, model: LocalModel, written_ns: int) -> Sidecar | None:
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    claims = sha256_claims(first.lstrip("\\"), FORMAT, model, written_ns)
    return Sidecar(Note(FORMAT), claims) if claims else None
