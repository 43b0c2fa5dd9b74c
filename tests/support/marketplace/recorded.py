"""Reads recorded answers (`civitai_*.json`, one raw body each) back into values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .defaults import MODEL_DEFAULTS, VERSION_DEFAULTS
from .values import File, Model, Version


def read_models(folder: Path) -> Iterator[Model]:
    """The models told by their own answers or, with defaults, by a version's answer alone."""
    bodies = list(_bodies(folder))
    alone = {body["id"]: body for body in bodies if "modelId" in body}
    for body in bodies:
        if "modelVersions" in body:
            versions = tuple(
                _version(body, version, alone.pop(version["id"], None))
                for version in body["modelVersions"]
            )
            fields = {key: value for key, value in body.items() if key != "modelVersions"}
            yield Model(body["id"], fields, versions)
    for body in alone.values():
        fields = {**MODEL_DEFAULTS, **body["model"], "baseModels": [body["baseModel"]]}
        fields["nsfwLevel"] = body["nsfwLevel"]
        yield Model(body["modelId"], fields, (_version(fields, body, body),))


def read_enums(folder: Path) -> dict[str, list[str]] | None:
    return next((body for body in _bodies(folder) if "ModelFileType" in body), None)


def _bodies(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("civitai_*.json")):
        body = json.loads(path.read_text("utf-8"))
        if isinstance(body, dict):
            yield body


def _version(
    model: Mapping[str, Any], body: Mapping[str, Any], alone: Mapping[str, Any] | None
) -> Version:
    """`body` as listed under its model, `alone` as answered by its own id."""
    fields = {
        **VERSION_DEFAULTS,
        "baseModelType": None,
        "supportsGeneration": model["supportsGeneration"],
        **{key: value for key, value in body.items() if key != "files"},
        "stats": {**VERSION_DEFAULTS["stats"], **body["stats"]},
    }
    for key, value in (alone or {}).items():
        if key == "images":
            fields["imagesWithMeta"] = value
        elif key not in ("files", "stats", "model", "modelId", "downloadUrl"):
            fields[key] = value
    files = tuple(File(item["id"], item, item["name"]) for item in body.get("files", ()))
    return Version(body["id"], fields, files)
