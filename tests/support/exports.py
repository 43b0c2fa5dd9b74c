"""What tests of exports share: nodes and locks to embed, and secrets that must not leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from support.graphs import stack_values, ui_node

from satchel.identity import ModelIdentity, Source
from satchel.workflow.documents import read_json
from satchel.workflow.export import export
from satchel.workflow.lock import Lock, LockedModel

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs/lock.schema.json").read_text(encoding="utf-8")
)
SHAS = ["0123456789abcdef" * 4, "fedcba9876543210" * 4]
URL = "https://civitai.com/api/download/models/5"


def locked(name: str, sha256: str | None = SHAS[0], **fields: Any) -> LockedModel:
    reason = fields.pop("reason", "")
    sources = (Source("civitai", URL, version_id=5),) if sha256 and not reason else ()
    identity = ModelIdentity(
        **{"kind": "loras", "name": name, "sha256": sha256, "sources": sources, **fields}
    )
    return LockedModel(identity, ("1",), reason)


def exported(graph: dict[str, Any], *models: LockedModel) -> dict[str, Any]:
    """The exported UI graph; every export is held against the lock's schema."""
    portable = export(read_json(graph, "x.json"), Lock(models))
    jsonschema.validate(portable.lock.to_json(), SCHEMA)
    assert portable.document.ui is not None
    read_json(portable.document.ui, "again")
    return portable.document.ui


def lora_node(*names: str, **fields: Any) -> dict[str, Any]:
    return ui_node(1, "SatchelLoraStack", stack_values(*names), **fields)


def entries(node: dict[str, Any]) -> list[dict[str, Any]]:
    return list(node["properties"].get("models", []))


def loras_of(node: dict[str, Any]) -> list[str]:
    return list(node["widgets_values"][1::5])


TOKEN = "c0ffee00c0ffee00c0ffee00c0ffee00"
TOKENISED = [
    f"https://civitai.com/api/download/models/9?token={TOKEN}",
    f"https://civitai.com/api/download/models/9?fileId=4&TOKEN={TOKEN}",
    f"https://user:{TOKEN}@example.com/a.safetensors",
    f"https://{TOKEN}@example.com/a.safetensors",
    f"https://bucket.r2.cloudflarestorage.com/a?X-Amz-Signature={TOKEN}&X-Amz-Credential={TOKEN}",
    f"https://example.blob.core.windows.net/a?sv=2024&sig={TOKEN}",
    f"https://cdn.example.com/a?Policy={TOKEN}&Key-Pair-Id={TOKEN}",
    f"https://example.com/a#access_token={TOKEN}",
    f"https://example.com/a?api_key={TOKEN}",
    f"https://example.com/a?secret={TOKEN}",
    f"https://[{TOKEN}/a",
]
