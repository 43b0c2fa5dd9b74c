"""Every place in a graph that names a model file, for reading and for rewriting.

A `Place` points into the graph that was walked: setting it changes that graph, so rewriting works
on a copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..folders import MODEL_EXTENSIONS, posix_name
from .loaders import (
    CORE_LOADERS,
    STACK_LORA_INPUT,
    STACK_LORA_OFFSET,
    STACK_NODE,
    STACK_ROW_WIDGETS,
)

MAX_NAME_LENGTH = 500
_MAX_DEPTH = 8
"""How deep subgraphs, or values inside one widget, are followed."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """One widget value, or API input, that names a model."""

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

    @property
    def value(self) -> str:
        return str(self.container[self.key])

    def set(self, value: str) -> None:
        self.container[self.key] = value


def api_places(graph: Json) -> Iterator[Place]:
    """Places of an API graph, in its own order."""
    for node_id, node in graph.items():
        class_type, inputs = node["class_type"], node.get("inputs", {})
        known = {loader.name: loader.kind for loader in CORE_LOADERS.get(class_type, ())}
        for name in inputs:
            kind = known.get(name)
            if class_type == STACK_NODE:
                kind = "loras" if STACK_LORA_INPUT.match(name) else None
            elif known and kind is None:
                continue  # the other inputs of a known loader name no models
            for container, key in _named_values(inputs, name):
                yield Place(str(node_id), class_type, name, kind, container, key, node)


def ui_places(graph: Json) -> Iterator[Place]:
    """Places of a UI graph: nodes at the top, then those inside each subgraph's instances."""
    definitions = _definitions(graph)
    yield from _places_of_nodes(graph["nodes"], definitions, "", 0)


def _places_of_nodes(
    nodes: list[Any], definitions: Mapping[str, Json], prefix: str, depth: int
) -> Iterator[Place]:
    for node in nodes:
        if not isinstance(node, dict) or "type" not in node:
            continue
        node_id = f"{prefix}{node.get('id')}"
        definition = definitions.get(str(node["type"]))
        if definition is not None and depth < _MAX_DEPTH:
            inner = definition.get("nodes")
            if isinstance(inner, list):
                yield from _places_of_nodes(inner, definitions, f"{node_id}:", depth + 1)
        yield from _places_of_node(node, node_id)


def _places_of_node(node: Json, node_id: str) -> Iterator[Place]:
    class_type, values = str(node["type"]), node.get("widgets_values")
    if not isinstance(values, list | dict):
        return
    linked = _linked_inputs(node)
    hints = dict(_embedded(node))
    for name, key, kind in _widgets(class_type, values):
        if name in linked:
            continue  # the value comes from another node
        for container, inner_key in _named_values(values, key):
            folder = kind or hints.get(container[inner_key])
            yield Place(node_id, class_type, name, folder, container, inner_key, node)


def _widgets(class_type: str, values: Any) -> Iterator[tuple[str, Any, str | None]]:
    """(input name, key in `widgets_values`, kind) of the widgets that may name a model."""
    by_name = isinstance(values, dict)
    known = CORE_LOADERS.get(class_type)
    if known is not None:
        for loader in known:
            yield loader.name, loader.name if by_name else loader.widget, loader.kind
    elif class_type == STACK_NODE and not by_name:
        for index in range(STACK_LORA_OFFSET, len(values), STACK_ROW_WIDGETS):
            yield f"lora_{index // STACK_ROW_WIDGETS + 1}", index, "loras"
    else:
        for key in values if by_name else range(len(values)):
            yield str(key), key, None


def _named_values(container: Any, key: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Where model names lie at or below a value; other packs nest rows in objects."""
    try:
        value = container[key]
    except (KeyError, IndexError):
        return
    if isinstance(value, str):
        if names_model(value):
            yield container, key
    elif isinstance(value, dict) and depth < _MAX_DEPTH:
        for inner in value:
            yield from _named_values(value, inner, depth + 1)
    elif isinstance(value, list) and depth < _MAX_DEPTH:
        for index in range(len(value)):
            yield from _named_values(value, index, depth + 1)


def names_model(value: str) -> bool:
    """Whether a widget's text looks like a model file's name rather than prose or a URL."""
    if not value or len(value) > MAX_NAME_LENGTH or "\n" in value or "://" in value:
        return False
    path = PurePosixPath(posix_name(value))
    return path.suffix.lower() in MODEL_EXTENSIONS and bool(path.stem.strip())


def _linked_inputs(node: Json) -> set[str]:
    """Names of widgets that were turned into inputs and have a link."""
    inputs = node.get("inputs")
    return {
        str(slot["widget"].get("name"))
        for slot in (inputs if isinstance(inputs, list) else [])
        if isinstance(slot, dict)
        and isinstance(slot.get("widget"), dict)
        and slot.get("link") is not None
    }


def _embedded(node: Json) -> Iterator[tuple[str, str]]:
    """(name, directory) of a node's `properties.models`."""
    properties = node.get("properties")
    models = properties.get("models") if isinstance(properties, dict) else None
    for model in models if isinstance(models, list) else []:
        if isinstance(model, dict) and isinstance(model.get("directory"), str):
            yield str(model.get("name")), model["directory"]


def _definitions(graph: Json) -> dict[str, Json]:
    """Subgraph definitions by id, nested ones too."""
    found: dict[str, Json] = {}
    pending = [graph]
    while pending:
        definitions = pending.pop().get("definitions")
        subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        for subgraph in subgraphs if isinstance(subgraphs, list) else []:
            if isinstance(subgraph, dict) and str(subgraph.get("id")) not in found:
                found[str(subgraph.get("id"))] = subgraph
                pending.append(subgraph)
    return found
