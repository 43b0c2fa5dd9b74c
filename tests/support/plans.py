"""What tests of plans share: workflows that want a model, and the plan for it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from support.graphs import ui_graph
from support.marketplace import Published

from satchel.folders import LocalModel
from satchel.identity import ModelIdentity, Source
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.plan import plan_document
from satchel.workflow.planned import PlannedModel
from satchel.workspace import Workspace

SHA = "0123456789abcdef" * 4
MODEL_KEYS = {"name", "directory", "state", "local", "source", "bytes", "reason", "used_by",
              "sha256", "fetch", "optional", "hints", "licence", "nsfw_level", "base_model",
              "trigger_words", "gated", "permissions", "known_source", "can_run_code"}  # fmt: skip


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def source(published: Published, **fields: Any) -> Source:
    url = f"https://civitai.com/api/download/models/{published.version_id}"
    known = {"version_id": published.version_id, "file_id": published.file_id}
    return Source(**{"kind": "civitai", "url": url, **known, **fields})


def wanting(path: Path | None, *sources: Source, **fields: Any) -> WorkflowDocument:
    """A lock for one model with these bytes."""
    known = {"sha256": sha256_of(path), "size": path.stat().st_size} if path else {}
    identity = ModelIdentity(
        **{"kind": "loras", "name": "ink.safetensors", "sources": sources, **known, **fields}
    )
    return WorkflowDocument("x.json", lock=Lock((LockedModel(identity, ("4",)),)))


def planned(document: WorkflowDocument, workspace: Workspace, *, quick: bool = False) -> Any:
    """The plan's only model, after a look at the shape of the plan's JSON."""
    value = plan_document(document, workspace, quick=quick).to_json()
    assert set(value) == {"models", "node_packs", "bytes_to_fetch", "bytes_free", "ok",
                          "notes", "installable"}  # fmt: skip
    (model,) = value["models"]
    assert set(model) == MODEL_KEYS
    assert model["used_by"] == ["4"]
    return model


def put(workspace: Workspace, name: str, content: bytes, kind: str = "loras") -> Path:
    path = workspace.folders.first_root(kind) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def is_known(workspace: Workspace, path: Path) -> bool:
    """Whether a file has been hashed."""
    status = path.stat()
    model = LocalModel("loras", path.name, path, status.st_size, status.st_mtime_ns)
    return workspace.catalog.digests(model) is not None


def graph_of(*nodes: dict[str, Any]) -> WorkflowDocument:
    return read_json(ui_graph(*nodes), "x.json")


def entry(state: Any, size: int | None, target: Path | None = None) -> PlannedModel:
    identity = ModelIdentity("loras", f"{state}{size}.sft", f"{size or 0:064x}", size)
    return PlannedModel(LockedModel(identity), state, target=target)
