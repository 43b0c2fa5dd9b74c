"""Every place in a graph that names a model file, for reading and for rewriting.

A `Place` points into the graph that was walked: setting it changes that graph, so rewriting works
on a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..errors import WorkflowFormatError
from ..folders import LEGACY_KINDS, MODEL_EXTENSIONS, posix_name, without_extension
from .bare_names import ROWS_OF, may_hold_names, names_in_text, with_names
from .loaders import CORE_LOADERS, NOTES, STACK_LORA_INPUT, STACK_NODE, stack_lora_widgets
from .subgraphs import (
    PromotedWidget,
    Says,
    definitions_of,
    linked_inputs,
    origins,
    promoted_widgets,
    saved_values,
    slot_values,
)

MAX_NAME_LENGTH = 500
MAX_TEXT_LENGTH = 100_000
"""How much of a text is searched for tags."""
MAX_NODES = 100_000
MAX_SUBGRAPH_DEPTH = 100
MAX_INSTANCE_VALUES = 300_000
"""Slots, values and links of all subgraph nodes' definitions, counted once for each node."""
MAX_PLACES = 100_000
"""Names in one graph."""
_TEXT_OF_A_VALUE = 200
"""Characters of a text that take as long to look at as a value."""
_MAX_DEPTH = 8
"""How deep values inside one widget are followed."""
_ACTIVE, _MUTED, _BYPASSED = 0, 2, 4
"""A node's `mode` in a saved graph."""

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


def api_places(graph: Json) -> Iterator[Place]:
    """Places of an API graph, in its own order.

    Raises:
        WorkflowFormatError: it names models more often than any graph does.
    """
    return _few(_api_places(graph))


def _few(places: Iterator[Place]) -> Iterator[Place]:
    for count, place in enumerate(places):
        if count >= MAX_PLACES:
            raise _too_many("The workflow names far too many models.", MAX_PLACES)
        yield place


def _too_many(message: str, limit: int) -> WorkflowFormatError:
    hint = "Give a workflow saved or exported by ComfyUI."
    return WorkflowFormatError(message, hint=hint, limit=limit)


def _api_places(graph: Json) -> Iterator[Place]:
    for node_id, node in graph.items():
        class_type, inputs = node["class_type"], node.get("inputs", {})
        for name in inputs:
            may_name, kind = _input_kind(class_type, name)
            for container, key in _named_values(inputs, name) if may_name else ():
                yield Place(str(node_id), class_type, name, kind, container, key, node)
            for found in _bare_values(class_type, inputs, name):
                kind, container, key, tag = found
                yield Place(
                    str(node_id), class_type, name, kind, container, key, node,
                    bare=True, tag=tag,
                )  # fmt: skip


def ui_places(graph: Json) -> Iterator[Place]:
    """Places of a UI graph: nodes at the top, each after those inside its subgraph.

    A widget that its subgraph shows outside is `overridden` unless the value there is the same:
    the frontend writes the outer one over it.

    Raises:
        WorkflowFormatError: its subgraphs multiply to more nodes than any graph has.
    """
    return _few(_Walk(graph).places(graph, "", (), {}, "active"))


class _Walk:
    """One pass over a UI graph. It counts, since a few nested definitions can make billions."""

    def __init__(self, graph: Json) -> None:
        self._definitions = definitions_of(graph)
        self._promoted = {key: promoted_widgets(d) for key, d in self._definitions.items()}
        self._links: dict[str | None, dict[str, tuple[str, Any]]] = {}
        self._sizes: dict[str, int] = {}
        self._kinds: dict[tuple[str, str], tuple[bool, str | None]] = {}
        self._nodes = 0
        self._values = 0

    def places(
        self, graph: Json, prefix: str, inside: tuple[str, ...], outside: Mapping[Any, Any],
        use: Use,
    ) -> Iterator[Place]:  # fmt: skip
        """The places of a graph or definition.

        Args:
            inside: the definitions that are being walked: one that holds itself is skipped.
            outside: who decides about the definition's slots, as `linked_inputs` takes it.
            use: of the node whose definition it is.
        """
        nodes, links = graph.get("nodes"), self._origins(graph, inside)
        for node in nodes if isinstance(nodes, list) else []:
            if not isinstance(node, dict) or "type" not in node:
                continue
            self._count(len(inside))
            node_id, class_type = f"{prefix}{node.get('id')}", str(node["type"])
            linked = linked_inputs(node, links, outside)
            own = _use_of(node) if use == "active" else use
            if class_type in self._definitions and class_type not in inside:
                self._count_values(class_type)
                slots = slot_values(node, self._promoted[class_type], linked)
                definition = self._definitions[class_type]
                deeper = (*inside, class_type)
                yield from self.places(definition, f"{node_id}:", deeper, slots, own)
            yield from _places_of_node(node, node_id, self._widgets(node), linked, own)

    def _widgets(self, node: Json) -> Iterator[tuple[str, Any, str | None]]:
        """As `_widgets`; those of a subgraph node are known by what they lead to."""
        promoted = self._promoted.get(str(node["type"]), [])
        if saved_values(node, promoted) is None:
            yield from _widgets(str(node["type"]), node.get("widgets_values"))
            return
        for index, widget in enumerate(promoted):
            may_name, kind = self._kind_of(widget, (str(node["type"]), widget.name), 0)
            if may_name:
                yield widget.name, index, kind

    def _kind_of(
        self, widget: PromotedWidget, key: tuple[str, str], depth: int
    ) -> tuple[bool, str | None]:
        """As `_input_kind`, for a widget of a subgraph node; each is followed once."""
        if key in self._kinds:
            return self._kinds[key]
        self._kinds[key] = False, None  # for those that lead to themselves
        found: list[tuple[bool, str | None]] = []
        for inner in dict.fromkeys(widget.targets):
            deeper = self._widget_named.get(inner)
            if deeper is not None and depth < MAX_SUBGRAPH_DEPTH:
                found.append(self._kind_of(deeper, inner, depth + 1))
            else:
                found.append(_input_kind(*inner))
        kinds = {kind for _, kind in found}
        self._kinds[key] = any(m for m, _ in found), kinds.pop() if len(kinds) == 1 else None
        return self._kinds[key]

    @cached_property
    def _widget_named(self) -> dict[tuple[str, str], PromotedWidget]:
        named: dict[tuple[str, str], PromotedWidget] = {}
        for class_type, widgets in self._promoted.items():
            for widget in widgets:
                named.setdefault((class_type, widget.name), widget)
        return named

    def _origins(self, graph: Json, inside: tuple[str, ...]) -> dict[str, tuple[str, Any]]:
        key = inside[-1] if inside else None
        if key not in self._links:
            self._links[key] = origins(graph)
        return self._links[key]

    def _count(self, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_SUBGRAPH_DEPTH:
            raise _too_many("The workflow's subgraphs make too many nodes.", MAX_NODES)

    def _count_values(self, definition_id: str) -> None:
        """What it takes to look at a definition once more."""
        if definition_id not in self._sizes:
            nodes = self._definitions[definition_id].get("nodes")
            self._sizes[definition_id] = len(self._promoted[definition_id]) + sum(
                _size(node.get(key))
                for node in (nodes if isinstance(nodes, list) else ())
                if isinstance(node, dict)
                for key in ("inputs", "widgets_values", "properties")
            )
        self._values += self._sizes[definition_id]
        if self._values > MAX_INSTANCE_VALUES:
            raise _too_many("The workflow's subgraphs make too many nodes.", MAX_NODES)


def _size(value: Any) -> int:
    """How many values lie in one, long texts counting for several."""
    count, pending = 0, [value]
    while pending:
        inner = pending.pop()
        count += 1
        if isinstance(inner, str):
            count += len(inner) // _TEXT_OF_A_VALUE
        elif isinstance(inner, dict | list):
            pending += inner.values() if isinstance(inner, dict) else inner
    return count


def _places_of_node(
    node: Json,
    node_id: str,
    widgets: Iterable[tuple[str, Any, str | None]],
    linked: Mapping[str, Any],
    use: Use,
) -> Iterator[Place]:
    values, hints, class_type = node.get("widgets_values"), _embedded_kinds(node), str(node["type"])
    for name, key, kind in widgets:
        said = linked.get(name, Says.WIDGET)
        if said is Says.LINK:
            continue
        for container, inner_key in _named_values(values, key):
            value = container[inner_key]
            now: Use = use if said in (Says.WIDGET, value) else "overridden"
            folder = kind or hints.get(value)
            yield Place(node_id, class_type, name, folder, container, inner_key, node, now)
    for key in _keys(values) if class_type not in NOTES else ():
        for bare_kind, container, inner_key, tag in _bare_values(class_type, values, key):
            yield Place(
                node_id, class_type, str(key), bare_kind, container, inner_key, node, use,
                bare=True, tag=tag,
            )  # fmt: skip


def _use_of(node: Json) -> Use:
    mode = node.get("mode", _ACTIVE)
    return "muted" if mode == _MUTED else "bypassed" if mode == _BYPASSED else "active"


def _keys(values: Any) -> Iterable[Any]:
    if isinstance(values, dict):
        return list(values)
    return _followed(values) if isinstance(values, list) else ()


def _followed(values: list[Any]) -> Iterator[int]:
    """Where a model may be named at or below: of other values there can be a million."""
    for at, value in enumerate(values):
        if isinstance(value, str):
            if ("." in value and names_model(value)) or may_hold_names(value):
                yield at
        elif isinstance(value, _NESTING):
            yield at


_NESTING = (list, dict)


def _widgets(class_type: str, values: Any) -> Iterator[tuple[str, Any, str | None]]:
    """(input name, key in `widgets_values`, kind) of the widgets that may name a model."""
    by_name = isinstance(values, dict)
    if not isinstance(values, list | dict) or class_type in NOTES:
        return
    known = CORE_LOADERS.get(class_type)
    if known is not None:
        for loader in known:
            yield loader.name, loader.name if by_name else loader.widget, loader.kind
    elif class_type == STACK_NODE and isinstance(values, list):
        for name, index in stack_lora_widgets(values):
            yield name, index, "loras"
    else:
        for key in _keys(values):
            yield str(key), key, None


def _input_kind(class_type: str, name: str) -> tuple[bool, str | None]:
    """Whether an input may name a model, and the kind if the node is known."""
    if class_type in CORE_LOADERS:
        kinds = {loader.name: loader.kind for loader in CORE_LOADERS[class_type]}
        return name in kinds, kinds.get(name)
    if class_type == STACK_NODE:
        is_row = STACK_LORA_INPUT.match(name) is not None
        return is_row, "loras" if is_row else None
    return class_type not in NOTES, None


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
        for index in _followed(value):
            yield from _named_values(value, index, depth + 1)


def _bare_values(
    class_type: str, container: Any, key: Any, depth: int = 0
) -> Iterator[tuple[str, Any, Any, str | None]]:
    """(kind, container, key, name inside of a text) of names without an extension."""
    value = container[key]
    if class_type in NOTES:
        return
    if isinstance(value, str):
        if not may_hold_names(value):
            return
        for kind, name in names_in_text(value[:MAX_TEXT_LENGTH], class_type):
            yield kind, container, key, name
    elif isinstance(value, dict) and depth < _MAX_DEPTH:
        is_row = (
            ROWS_OF in class_type and "strength" in value and isinstance(value.get("name"), str)
        )
        if is_row and value["name"] and not names_model(value["name"]):
            yield "loras", value, "name", None
        for inner in value:
            yield from _bare_values(class_type, value, inner, depth + 1)
    elif isinstance(value, list) and depth < _MAX_DEPTH:
        for index in _followed(value):
            yield from _bare_values(class_type, value, index, depth + 1)


def names_model(value: str) -> bool:
    """Whether a widget's text looks like a model file's name rather than prose or a URL."""
    if not value or len(value) > MAX_NAME_LENGTH or "\n" in value or "://" in value:
        return False
    path, _, extension = value.rpartition(".")
    stem = posix_name(path).rpartition("/")[2]
    return f".{extension.lower()}" in MODEL_EXTENSIONS and bool(stem.strip())


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


def _embedded_kinds(node: Json) -> dict[str, str]:
    """Kinds by name, from a node's `properties.models`."""
    kinds = {}
    for model in embedded_models(node):
        directory = model.get("directory")
        if isinstance(directory, str):
            kinds[str(model.get("name"))] = LEGACY_KINDS.get(directory, directory)
    return kinds
