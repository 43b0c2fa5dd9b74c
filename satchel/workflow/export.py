"""The author's second step: embed the lock in every form that a workflow travels in."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..folders import posix_name
from . import png
from .documents import WorkflowDocument
from .lock import LOCK_KEY, Lock, LockedModel
from .places import Place, api_places, ui_places

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PortableWorkflow:
    """A workflow that carries its models' identities."""

    document: WorkflowDocument
    lock: Lock
    removed: tuple[str, ...]
    """What was taken out because it must not leave this machine, one sentence each."""

    def to_json(self) -> Json:
        unresolved = [
            {
                "name": model.identity.name,
                "directory": model.identity.kind,
                "reason": model.reason,
            }
            for model in self.lock.models
            if model.reason
        ]
        return {
            "graph": self.document.ui,
            "prompt": self.document.api,
            "lock": self.lock.to_json(),
            "unresolved": unresolved,
            "removed": list(self.removed),
        }


def export(document: WorkflowDocument, lock: Lock) -> PortableWorkflow:
    """Embeds a lock: `extra.satchel`, `properties.models` of each loader, a PNG's texts.

    Names lose their folders in the exported copy (the stock frontend compares them exactly, and
    folders are the author's own), unless two different files would then share a name.
    """
    flat = _flat_names(lock)
    flattened = Lock(
        tuple(
            replace(model, identity=replace(model.identity, name=flat[model.key]))
            for model in lock.models
        ),
        lock.host,
    )
    by_key = {model.key: model for model in lock.models}
    removed: list[str] = []
    ui, api = copy.deepcopy(document.ui), copy.deepcopy(document.api)
    if api is not None:
        _rename(api_places(api), by_key, flat)
    if ui is not None:
        places = list(ui_places(ui))
        removed += _scrub_embedded(places)
        _rename(places, by_key, flat)
        _embed(places, flattened)
        extra = ui.get("extra")
        ui["extra"] = {**(extra if isinstance(extra, dict) else {}), LOCK_KEY: flattened.to_json()}
    portable = replace(document, ui=ui, api=api, lock=flattened)
    if document.image is not None:
        portable = replace(portable, image=_portable_image(document.image, ui, api, flattened))
    return PortableWorkflow(portable, flattened, tuple(dict.fromkeys(removed)))


def _flat_names(lock: Lock) -> dict[tuple[str, str], str]:
    """Each model's name without folders, where that names one file only."""
    distinct = {
        (m.identity.kind, PurePosixPath(m.identity.name).name, m.identity.sha256 or m.identity.name)
        for m in lock.models
    }
    twins = Counter((kind, base) for kind, base, _ in distinct)
    flat: dict[tuple[str, str], str] = {}
    taken: set[tuple[str, str]] = set()
    for model in lock.models:
        kind, base = model.identity.kind, PurePosixPath(model.identity.name).name
        # The same bytes under two folders stay two entries, so only one of them becomes flat.
        free = twins[kind, base] == 1 and (kind, base) not in taken
        flat[model.key] = base if free else model.identity.name
        taken.add((kind, flat[model.key]))
    return flat


def _rename(
    places: Iterable[Place],
    models: Mapping[tuple[str, str], LockedModel],
    names: Mapping[tuple[str, str], str],
) -> None:
    for place in places:
        key = _key_of(place, models)
        if key is not None:
            place.set(names[key])


def _key_of(place: Place, models: Mapping[tuple[str, str], LockedModel]) -> tuple[str, str] | None:
    """The lock entry that a place names; a place of unknown kind needs an unambiguous name."""
    name = posix_name(place.value)
    if place.kind is not None:
        return (place.kind, name) if (place.kind, name) in models else None
    matches = [key for key in models if key[1] == name]
    return matches[0] if len(matches) == 1 else None


def _embed(places: Iterable[Place], lock: Lock) -> None:
    """Writes `properties.models` with exactly the five keys that the stock frontend reads."""
    by_key = {model.key: model for model in lock.models}
    for place in places:
        key = _key_of(place, by_key)
        if key is None:
            continue
        identity = by_key[key].identity
        if identity.sha256 is None or not identity.sources:
            continue
        entry = {
            "name": identity.name,
            "url": identity.sources[0].url,
            "hash": identity.sha256,
            "hash_type": "SHA256",
            "directory": identity.kind,
        }
        models = _embedded_models(place)
        models[:] = [model for model in models if model.get("name") != identity.name]
        models.append(entry)


def _embedded_models(place: Place) -> list[Json]:
    """A node's `properties.models`, made if need be, without entries of other shapes."""
    properties = place.owner.setdefault("properties", {})
    models = properties.get("models")
    kept = (
        [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    )
    properties["models"] = kept
    return kept


def _scrub_embedded(places: Iterable[Place]) -> list[str]:
    """Takes access tokens and signatures out of URLs that other tools embedded."""
    removed = []
    for place in places:
        properties = place.owner.get("properties")
        models = properties.get("models") if isinstance(properties, dict) else None
        for model in models if isinstance(models, list) else []:
            if isinstance(model, dict) and isinstance(model.get("url"), str):
                cleaned = _without_secrets(model["url"])
                if cleaned != model["url"]:
                    model["url"] = cleaned
                    removed.append(f"The access token in the URL of {model.get('name')}.")
    return removed


_SECRET_WORDS = ("token", "key", "signature", "credential", "x-amz-", "sig", "expires", "auth")


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [pair for pair in query if not any(word in pair[0].lower() for word in _SECRET_WORDS)]
    if len(kept) == len(query) and "@" not in parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query=urlencode(kept)))


def _portable_image(image: bytes, ui: Json | None, api: Json | None, lock: Lock) -> bytes:
    texts = {}
    if api is not None:
        texts["prompt"] = json.dumps(api)
    if ui is not None:
        texts["workflow"] = json.dumps(ui)
    texts[LOCK_KEY] = json.dumps(lock.to_json())
    return png.with_texts(image, texts)
