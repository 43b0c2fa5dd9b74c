"""A place in a graph that names a model file, and how a name in it is changed.

A `Place` points into the graph that was walked: setting it changes that graph, so rewriting works
on a copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ..folders import LEGACY_KINDS, without_extension
from .bare_names import with_names

Json = dict[str, Any]
Use = Literal["active", "muted", "bypassed", "overridden"]
"""Whether a graph needs what a place names. `overridden` is a widget inside a subgraph whose node
outside says something else."""


@dataclass(frozen=True, slots=True)
class Place:
    """One widget value, or API input, that names a model; or one name inside of a text."""

    node: str
    """The node's id; inside subgraphs `outer:inner`, as flattened API graphs write it."""
    class_type: str
    input: str
    kind: str | None
    """Host folder that the name belongs to; `None` when only the value's shape tells a model."""
    container: Any
    """The list or object inside the graph that holds the value under `key`."""
    key: Any
    owner: Json
    """The node object itself (UI) or its entry (API)."""
    use: Use = "active"
    bare: bool = False
    """Whether the name stands there without its extension."""
    tag: str | None = None
    """The name inside of a text; None where the value is the name."""

    @property
    def value(self) -> str:
        return str(self.container[self.key]) if self.tag is None else self.tag

    def spelled(self, name: str) -> str:
        """A file's name as this place would have it."""
        return without_extension(name) if self.bare else name

    def set(self, value: str) -> None:
        self.container[self.key] = value


def rename(changes: Iterable[tuple[Place, str]]) -> None:
    """Sets new names, and those of the matching `properties.models` entries: both must agree.

    All at once, since one model's new name may be another's old one, and since the instances of a
    subgraph share their nodes.
    """
    pending = list(changes)
    owners: dict[int, tuple[Json, dict[Any, str]]] = {}
    for place, new in pending:
        owners.setdefault(id(place.owner), (place.owner, {}))[1][place.value] = new
    for owner, names in owners.values():
        for model in embedded_models(owner):
            if isinstance(model.get("name"), str):
                model["name"] = names.get(model["name"], model["name"])
    texts: dict[tuple[int, Any], tuple[Place, dict[tuple[str, str], str]]] = {}
    for place, new in pending:
        if place.tag is None:
            place.set(new)
        else:
            key = id(place.container), place.key
            texts.setdefault(key, (place, {}))[1][str(place.kind), place.tag] = new
    for place, tags in texts.values():
        place.set(with_names(str(place.container[place.key]), tags))


def embedded_models(node: Json) -> list[Json]:
    """The entries of a node's `properties.models`, without those of other shapes."""
    properties = node.get("properties")
    models = properties.get("models") if isinstance(properties, dict) else None
    return (
        [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    )


def embedded_by_name(node: Json) -> dict[str, Json]:
    """The first of a node's `properties.models` for each name."""
    found: dict[str, Json] = {}
    for model in embedded_models(node):
        if isinstance(model.get("name"), str):
            found.setdefault(model["name"], model)
    return found


def embedded_kinds(node: Json) -> dict[str, str]:
    """Kinds by name, from a node's `properties.models`."""
    kinds = {}
    for model in embedded_models(node):
        directory = model.get("directory")
        if isinstance(directory, str):
            kinds[str(model.get("name"))] = LEGACY_KINDS.get(directory, directory)
    return kinds
