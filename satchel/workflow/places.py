"""Every place in a graph that names a model file, for reading and for rewriting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import tee
from typing import Any

from ..errors import WorkflowFormatError
from .loaders import NOTES
from .place import Json, Place, Use, embedded_kinds
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
from .widget_names import bare_values, input_kind, keys_of, named_values, widgets_of

MAX_NODES = 100_000
MAX_SUBGRAPH_DEPTH = 100
MAX_INSTANCE_VALUES = 300_000
"""Slots, values and links of all subgraph nodes' definitions, counted once for each node."""
MAX_PLACES = 100_000
"""Names in one graph."""
_TEXT_OF_A_VALUE = 200
"""Characters of a text that take as long to look at as a value."""
_ACTIVE, _MUTED, _BYPASSED = 0, 2, 4
"""A node's `mode` in a saved graph."""


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
            may_name, kind = input_kind(class_type, name)
            for container, key in named_values(inputs, name) if may_name else ():
                yield Place(str(node_id), class_type, name, kind, container, key, node)
            for found in bare_values(class_type, inputs, name):
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
            found = keys_of(node.get("widgets_values")) if class_type not in NOTES else ()
            # Looked through once, and no further than whoever counts the names lets it.
            keys, for_widgets = tee(found)
            widgets = self._widgets(node, for_widgets)
            yield from _places_of_node(node, node_id, keys, widgets, linked, own)

    def _widgets(self, node: Json, keys: Iterable[Any]) -> Iterator[tuple[str, Any, str | None]]:
        """As `widgets_of`; those of a subgraph node are known by what they lead to."""
        promoted = self._promoted.get(str(node["type"]), [])
        if saved_values(node, promoted) is None:
            yield from widgets_of(str(node["type"]), node.get("widgets_values"), keys)
            return
        for index, widget in enumerate(promoted):
            may_name, kind = self._kind_of(widget, (str(node["type"]), widget.name), 0)
            if may_name:
                yield widget.name, index, kind

    def _kind_of(
        self, widget: PromotedWidget, key: tuple[str, str], depth: int
    ) -> tuple[bool, str | None]:
        """As `input_kind`, for a widget of a subgraph node; each is followed once."""
        if key in self._kinds:
            return self._kinds[key]
        self._kinds[key] = False, None  # for those that lead to themselves
        found: list[tuple[bool, str | None]] = []
        for inner in dict.fromkeys(widget.targets):
            deeper = self._widget_named.get(inner)
            if deeper is not None and depth < MAX_SUBGRAPH_DEPTH:
                found.append(self._kind_of(deeper, inner, depth + 1))
            else:
                found.append(input_kind(*inner))
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
    keys: Iterable[Any],
    widgets: Iterable[tuple[str, Any, str | None]],
    linked: Mapping[str, Any],
    use: Use,
) -> Iterator[Place]:
    values, hints, class_type = node.get("widgets_values"), embedded_kinds(node), str(node["type"])
    for name, key, kind in widgets:
        said = linked.get(name, Says.WIDGET)
        if said is Says.LINK:
            continue
        for container, inner_key in named_values(values, key):
            value = container[inner_key]
            now: Use = use if said in (Says.WIDGET, value) else "overridden"
            folder = kind or hints.get(value)
            yield Place(node_id, class_type, name, folder, container, inner_key, node, now)
    for key in keys:
        for bare_kind, container, inner_key, tag in bare_values(class_type, values, key):
            yield Place(
                node_id, class_type, str(key), bare_kind, container, inner_key, node, use,
                bare=True, tag=tag,
            )  # fmt: skip


def _use_of(node: Json) -> Use:
    mode = node.get("mode", _ACTIVE)
    return "muted" if mode == _MUTED else "bypassed" if mode == _BYPASSED else "active"
