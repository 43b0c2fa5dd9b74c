"""`NAME.cm-info.json` of Stability Matrix (`ConnectedModelInfo.cs`), with fields in PascalCase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalog.notes import Note
from ..folders import LocalModel
from ..marketplaces.civitai_records import table
from .civitai_helper import records
from .values import Sidecar, clipped, clipped_words, sha256_claims

FORMAT = "cm-info"


def read(document: Mapping[str, Any], model: LocalModel, written_ns: int) -> Sidecar | None:
    if not {"ModelId", "ModelName", "Hashes"} <= document.keys():
        return None
    versions = records(_body(document))
    note = Note(
        FORMAT,
        title=clipped(document.get("UserTitle") or document.get("ModelName"), 500),
        words=() if versions else clipped_words(document.get("TrainedWords")),
        tags=clipped_words(document.get("Tags")),
        base_model=clipped(document.get("BaseModel"), 100),
    )
    sha256 = table(document.get("Hashes")).get("SHA256")
    return Sidecar(note, sha256_claims(sha256, FORMAT, model, written_ns), versions)


def _body(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts as Civitai's own body of a version."""
    return {
        "id": document.get("VersionId"),
        "modelId": document.get("ModelId"),
        "name": document.get("VersionName"),
        "baseModel": document.get("BaseModel"),
        "trainedWords": document.get("TrainedWords"),
        "description": document.get("VersionDescription"),
        "model": {
            "name": document.get("ModelName"),
            "type": document.get("ModelType"),
            "nsfw": document.get("Nsfw"),
            "tags": document.get("Tags"),
            "description": document.get("ModelDescription"),
            "creator": {"username": document.get("AuthorUsername")},
        },
        "files": [
            {
                "id": document.get("RemoteFileId"),
                "name": document.get("RemoteFileName"),
                "type": "Model",
                "primary": True,
                "metadata": document.get("FileMetadata"),
                "hashes": document.get("Hashes"),
            }
        ],
    }
