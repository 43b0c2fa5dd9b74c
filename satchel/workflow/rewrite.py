"""Puts the local names of models into a copy of a graph."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..folders import posix_name
from .collect import KeyIndex
from .documents import WorkflowDocument
from .lock import LOCK_KEY, Lock, LockedModel
from .place import Place, rename
from .places import api_places, ui_places
from .planned import Plan, host_name


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One value that was changed."""

    node: str
    input: str
    old: str
    new: str

    def to_json(self) -> dict[str, Any]:
        return {"node": self.node, "input": self.input, "old": self.old, "new": self.new}


def rewrite(document: WorkflowDocument, plan: Plan) -> tuple[WorkflowDocument, list[Rewrite]]:
    """The document, lock included, with every model that is here under its local name.

    The document handed in is unchanged.
    """
    names = {entry.model.key: host_name(entry.local.name) for entry in plan.models if entry.local}
    ui, api = copy.deepcopy(document.ui), copy.deepcopy(document.api)
    places: list[Place] = []
    if ui is not None:
        places += ui_places(ui)
    if api is not None:
        places += api_places(api)
    changes = list(_changes(places, names))
    rewrites: dict[tuple[str, str], Rewrite] = {}
    for place, new in changes:
        change = Rewrite(place.node, place.input, place.value, new)
        rewrites.setdefault((change.node, change.input), change)
    rename(changes)
    lock = document.lock and _renamed_lock(document.lock, names)
    if ui is not None and lock is not None and isinstance(ui.get("extra"), dict):
        _rename_carried(ui["extra"].get(LOCK_KEY), names)
    return replace(document, ui=ui, api=api, lock=lock), list(rewrites.values())


def _changes(
    places: Iterable[Place], names: dict[tuple[str, str], str]
) -> Iterable[tuple[Place, str]]:
    index = KeyIndex(names)
    locals_of: dict[str, set[str]] = {}
    for (_, known), local in names.items():
        locals_of.setdefault(known, set()).add(local)
    for place in places:
        name = posix_name(place.value)
        if place.kind is not None:
            key = index.find(place.kind, name, bare=place.bare)
            new = names[key] if key is not None else None
        else:
            matches = locals_of.get(name, set())
            new = next(iter(matches)) if len(matches) == 1 else None
        if new is not None and place.spelled(new) != place.value:
            yield place, place.spelled(new)


def _renamed_lock(lock: Lock, names: Mapping[tuple[str, str], str]) -> Lock:
    """The lock under local names; entries that are one file here become one."""
    models: dict[tuple[str, str], LockedModel] = {}
    for model in lock.models:
        name = posix_name(names.get(model.key, model.identity.name))
        renamed = replace(model, identity=replace(model.identity, name=name))
        first = models.setdefault(renamed.key, renamed)
        if first is not renamed:
            used_by = tuple(dict.fromkeys((*first.used_by, *renamed.used_by)))
            models[renamed.key] = replace(first, used_by=used_by)
    return Lock(tuple(models.values()), lock.host)


def _rename_carried(carried: Any, names: Mapping[tuple[str, str], str]) -> None:
    """Does the same to the lock inside a graph, keeping keys that this release does not know."""
    models = carried.get("models") if isinstance(carried, dict) else None
    if not isinstance(models, list):
        return
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for model in models:
        key = (model["directory"], posix_name(model["name"]))
        model["name"] = posix_name(names.get(key, model["name"]))
        first = kept.setdefault((model["directory"], model["name"]), model)
        if first is not model:
            nodes = (*first.get("used_by", ()), *model.get("used_by", ()))
            first["used_by"] = list(dict.fromkeys(nodes))
    models[:] = kept.values()
