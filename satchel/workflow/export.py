"""The author's second step: embed the lock in every form that a workflow travels in."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from ..errors import UnreadableMediaError
from ..folders import posix_name
from ..urls import without_secrets
from .addresses import notes_on
from .collect import KeyIndex
from .containers import find_container
from .documents import WorkflowDocument
from .lock import LOCK_KEY, NEWER_LOCK_KEY, Lock, LockedModel
from .node_pack import NodePack
from .node_packs import complete_properties
from .place import Place, embedded_models, rename
from .places import api_places, ui_places
from .scrub import is_whole_path
from .scrub_texts import scrub_api, scrub_ui, scrubbed

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PortableWorkflow:
    """A workflow that carries its models' identities."""

    document: WorkflowDocument
    lock: Lock
    removed: tuple[str, ...]
    """What was taken out because it must not leave this machine, one sentence each."""
    notes: tuple[str, ...] = ()
    """What else there is to know about it, one sentence each."""

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
            "notes": list(self.notes),
        }

    @property
    def image_suffix(self) -> str:
        """`.png` or `.webp`, if the document came in such a file; else empty."""
        container = find_container(self.document.image) if self.document.image else None
        return f".{container.name.lower()}" if container else ""


def export(
    document: WorkflowDocument, lock: Lock, packs: Mapping[str, NodePack] | None = None
) -> PortableWorkflow:
    """Embeds a lock: `extra.satchel`, `properties.models` of each loader, an image's texts.

    Names lose their folders in the exported copy (the stock frontend compares them exactly, and
    folders are the author's own), unless two different files would then share a name.

    Args:
        packs: the node packs here by node type, ComfyUI itself included: nodes that do not say
            where they are from get it from there, else from the lock.
    """
    flat = flat_names(lock)
    flattened = _public(
        replace(
            lock,
            models=tuple(
                replace(model, identity=replace(model.identity, name=flat[model.key]))
                for model in lock.models
            ),
        )
    )
    provenance = {name: pack for pack in lock.node_packs for name in pack.node_types}
    provenance.update(packs or {})
    by_key = {model.key: model for model in lock.models}
    removed: list[str] = []
    ui, api = copy.deepcopy(document.ui), copy.deepcopy(document.api)
    if api is not None:
        places = list(api_places(api))
        removed += _shorten(places)
        _flatten(places, by_key, flat)
        removed += scrub_api(api)
    if ui is not None:
        removed += _scrub_embedded(ui)
        places = list(ui_places(ui))
        removed += _shorten(places)
        _flatten(places, by_key, flat)
        removed += scrub_ui(ui)
        _embed(places, flattened)
        complete_properties(ui, provenance)
        extra = ui.get("extra")
        locks = _locks(document, flattened)
        ui["extra"] = {**(extra if isinstance(extra, dict) else {}), **locks}
    portable = replace(document, ui=ui, api=api, lock=flattened)
    if document.image is not None:
        locks = _locks(document, flattened)
        portable = replace(portable, image=_portable_image(document.image, ui, api, locks))
    notes = (*document.notes, *notes_on(flattened))
    return PortableWorkflow(portable, flattened, tuple(dict.fromkeys(removed)), notes)


def with_image(document: WorkflowDocument, image: bytes) -> WorkflowDocument:
    """The document as if it had come in an image, which then carries what is exported.

    Raises:
        UnreadableMediaError: it is neither a PNG nor a WebP, or damaged.
    """
    container = find_container(image)
    if container is None or container.with_texts is None:
        raise UnreadableMediaError(
            "The picture is neither a PNG nor a WebP, so it cannot carry a workflow.",
            hint="Choose a PNG or a WebP file.",
            reason="neither a PNG nor a WebP",
        )
    return replace(document, image=image)


def _locks(document: WorkflowDocument, lock: Lock) -> Json:
    """Our lock, and beside it one that only a newer release reads, as it came."""
    newer = document.newer_lock
    return {LOCK_KEY: lock.to_json(), **({NEWER_LOCK_KEY: newer} if newer is not None else {})}


def _public(lock: Lock) -> Lock:
    """A lock without secrets in what is only passed on."""
    packs = (replace(pack, more=scrubbed(dict(pack.more))) for pack in lock.node_packs)
    return replace(
        lock,
        models=tuple(_public_model(model) for model in lock.models),
        node_packs=tuple(packs),
        more=scrubbed(dict(lock.more)),
    )


def _public_model(model: LockedModel) -> LockedModel:
    sources = (
        replace(source, more=scrubbed(dict(source.more))) for source in model.identity.sources
    )
    return replace(
        model,
        identity=replace(model.identity, sources=tuple(sources)),
        facts=replace(model.facts, page=without_secrets(model.facts.page)),
        more=scrubbed(dict(model.more)),
    )


def flat_names(lock: Lock) -> dict[tuple[str, str], str]:
    """Each model's name without folders, where that names one file only, on Windows too."""
    keys = [(m.identity.kind, PurePosixPath(m.identity.name).name) for m in lock.models]
    folded = [(kind, base.casefold()) for kind, base in keys]
    bytes_of = [m.identity.sha256 or m.identity.name for m in lock.models]
    twins = Counter(key for key, _ in set(zip(folded, bytes_of, strict=True)))
    # The same bytes under two names stay two entries, so only one of them can be without folders:
    # the one that already is.
    taken = {(m.identity.kind, m.identity.name.casefold()) for m in lock.models}
    flat: dict[tuple[str, str], str] = {}
    for model, (kind, base), key in zip(lock.models, keys, folded, strict=True):
        free = twins[key] == 1 and key not in taken
        flat[model.key] = base if free else model.identity.name
        taken.add((kind, flat[model.key].casefold()))
    return flat


def _shorten(places: Iterable[Place]) -> list[str]:
    """Takes the folders of this machine off names that are whole paths."""
    whole = [(place, posix_name(place.value)) for place in places if is_whole_path(place.value)]
    rename((place, PurePosixPath(name).name) for place, name in whole)
    return [f"The folders in front of {place.value}: they only exist here." for place, _ in whole]


def _flatten(
    places: Iterable[Place],
    models: Mapping[tuple[str, str], LockedModel],
    names: Mapping[tuple[str, str], str],
) -> None:
    index = KeyIndex(models)
    keyed = ((place, _key_of(place, index)) for place in places)
    rename([(place, place.spelled(names[key])) for place, key in keyed if key is not None])


def _key_of(place: Place, keys: KeyIndex) -> tuple[str, str] | None:
    """The lock entry that a place names; a place of unknown kind needs an unambiguous name."""
    return keys.find(place.kind, posix_name(place.value), bare=place.bare)


def _embed(places: Iterable[Place], lock: Lock) -> None:
    """Writes `properties.models` with exactly the five keys that the stock frontend reads."""
    by_key = {model.key: model for model in lock.models}
    index = KeyIndex(by_key)
    for place in places:
        key = None if place.bare else _key_of(place, index)
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
        _replace_entry(place.owner, entry)


def _replace_entry(node: Json, entry: Json) -> None:
    """Puts an entry into a node's `properties.models`, which is made if need be."""
    others = [model for model in embedded_models(node) if model.get("name") != entry["name"]]
    properties = node.get("properties")
    if not isinstance(properties, dict):
        properties = node["properties"] = {}
    properties["models"] = [*others, entry]


def _scrub_embedded(graph: Json) -> list[str]:
    """Takes secrets out of the URLs that other tools embedded, wherever a `models` list is."""
    removed = []
    pending: list[Any] = [graph]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        if not isinstance(value, dict):
            continue
        pending += value.values()
        models = value.get("models")
        for model in models if isinstance(models, list) else []:
            if isinstance(model, dict) and isinstance(model.get("url"), str):
                cleaned = without_secrets(model["url"])
                if cleaned != model["url"]:
                    model["url"] = cleaned
                    removed.append(f"The access token in the URL of {model.get('name')}.")
    return removed


def _portable_image(image: bytes, ui: Json | None, api: Json | None, locks: Json) -> bytes:
    texts = {}
    if api is not None:
        texts["prompt"] = json.dumps(api)
    if ui is not None:
        texts["workflow"] = json.dumps(ui)
    texts |= {key: json.dumps(lock) for key, lock in locks.items()}
    container = find_container(image)
    assert container is not None, "a document keeps only images whose texts can be replaced"
    assert container.with_texts is not None
    return container.with_texts(image, texts)
