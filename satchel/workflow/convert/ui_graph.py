"""Replacing nodes in a UI graph and in the definitions of its subgraphs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...folders import posix_name
from ..subgraphs import definitions_of
from .nodes import (
    LORA_STACK,
    TRIGGER_NODE,
    TRIGGER_VALUES,
    TRIGGER_WORDS,
    Applied,
    Link,
    NewNode,
    SavedNode,
)
from .sockets import (
    SOCKET_TYPES,
    TRIGGER_NOTE,
    TRIGGER_SIZE,
    input_slots,
    lost_input,
    lost_output,
    output_slots,
    widget_slot,
)
from .ui_links import Links, tables

Json = dict[str, Any]

_OF_THE_OLD_PACK = ("cnr_id", "aux_id", "ver", "Show Strengths", "Match", "__lm_widget_ids")
"""Properties that say where the old node came from or how it looked."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """The graph itself, or one definition."""

    id: str
    graph: Json
    links: Links

    def linked(self, node: Json) -> Iterator[tuple[str, Any]]:
        """(input name, link id) for every input of a node that has a link.

        By the table of links: a node whose pack is missing is saved as it once was opened.
        """
        slots = list(tables(node.get("inputs")))
        for wire in self.links.into(node.get("id")):
            if isinstance(wire.target_slot, int) and 0 <= wire.target_slot < len(slots):
                slot = slots[wire.target_slot]
                widget = slot.get("widget")
                name = widget.get("name") if isinstance(widget, dict) else slot.get("name")
                yield str(name), wire.id


class UiGraph:
    """A UI graph that is being changed."""

    def __init__(self, graph: Json) -> None:
        self._graph = graph
        self._scopes = [
            _Scope(scope, inner, Links(inner))
            for scope, inner in {"": graph, **definitions_of(graph)}.items()
        ]
        self._places: dict[str, tuple[_Scope, Json]] = {}
        self._instances: dict[str, list[Json]] = {scope.id: [] for scope in self._scopes}
        for scope in self._scopes:
            for node in tables(scope.graph.get("nodes")):
                self._places[_key(scope, node.get("id"))] = (scope, node)
                self._instances.get(str(node.get("type")), []).append(node)
        self._words: dict[str, tuple[_Scope, Json]] = {}
        self._free = {"node": self._first_free("node"), "link": self._first_free("link")}

    def saved_nodes(self, types: Collection[str]) -> dict[str, SavedNode]:
        """Nodes of some types by their keys: their ids, or `SUBGRAPH:ID` inside of definitions."""
        return {
            key: self._saved(scope, node)
            for key, (scope, node) in self._places.items()
            if str(node.get("type")) in types
        }

    def _saved(self, scope: _Scope, node: Json) -> SavedNode:
        properties = node.get("properties")

        def upstream(link: Link) -> tuple[str, SavedNode] | None:
            wire = scope.links.find(link.key)
            key = _key(scope, wire.origin_id) if wire is not None else ""
            return (key, self._saved(*self._places[key])) if key in self._places else None

        return SavedNode(
            str(node.get("type")),
            widgets=node.get("widgets_values") or [],
            links={name: Link(name, link_id) for name, link_id in scope.linked(node)},
            properties=properties if isinstance(properties, dict) else {},
            upstream=upstream,
        )

    def apply(self, replacements: Mapping[str, NewNode]) -> Applied:
        """Puts new nodes in the places of old ones."""
        applied = Applied()
        for key, new in replacements.items():
            applied.added[key], applied.notes[key] = self._replace(*self._places[key], new)
        self._drop_idle_words(applied)
        for key in {new.absorbs for new in replacements.values() if new.absorbs is not None}:
            if self._remove_unused(*self._places[key]):
                applied.removed.add(key)
        for scope in self._scopes:
            scope.links.close()
        self._write_counters()
        return applied

    def _replace(self, scope: _Scope, node: Json, new: NewNode) -> tuple[list[str], list[str]]:
        old_links = dict(scope.linked(node))
        added, notes = self._move_outputs(scope, node, new)
        carried = self._move_inputs(scope, node, new, old_links)
        for name, link_id in old_links.items():
            if link_id not in carried:
                scope.links.remove(link_id)
                notes += [] if name in new.without_effect else [lost_input(name)]
        self._repeat_links(scope, node, new, old_links)
        _become(node, new)
        return added, notes + self._forget_promoted(scope, node, new)

    def _move_inputs(
        self, scope: _Scope, node: Json, new: NewNode, old_links: Json
    ) -> dict[Any, int]:
        """Gives the node its new inputs; returns the ids of links that go on, and where they lead.

        Other links are still in the table then, with places that mean nothing any more.
        """
        carried: dict[Any, int] = {}
        slots, sources = input_slots(new), _sources(new)
        for index, slot in enumerate(slots):
            link_id = old_links.get(sources.get(slot["name"], ""))
            if link_id is not None and link_id not in carried:
                slot["link"] = link_id
                carried[link_id] = index
        for link_id in old_links.values():
            scope.links.set_target(link_id, carried.get(link_id, len(slots)))
        node["inputs"] = slots
        return carried

    def _repeat_links(self, scope: _Scope, node: Json, new: NewNode, old_links: Json) -> None:
        """One old input may be two new ones: the second gets a link of its own."""
        sources = _sources(new)
        for index, slot in enumerate(node["inputs"]):
            wire = scope.links.find(old_links.get(sources.get(slot["name"], "")))
            if slot["link"] is None and wire is not None:
                origin = (wire.origin_id, wire.origin_slot)
                self._connect(scope, origin, (node["id"], index), slot["type"])

    def _move_outputs(self, scope: _Scope, node: Json, new: NewNode) -> tuple[list[str], list[str]]:
        outputs = output_slots(new.class_type)
        notes: dict[str, None] = {}
        words: Json | None = None
        for wire in scope.links.out_of(node.get("id")):
            slot = wire.origin_slot
            known = isinstance(slot, int) and 0 <= slot < len(new.outputs)
            label, target = new.outputs[slot] if known else (str(slot), None)
            if target is None:
                scope.links.remove(wire.id)
                notes[lost_output(label)] = None
            elif target == TRIGGER_WORDS:
                words = words or self._add_trigger_words(scope, node)
                scope.links.set_origin(wire.id, words["id"], 0)
                words["outputs"][0]["links"].append(wire.id)
            else:
                scope.links.set_origin(wire.id, node["id"], target)
                outputs[target]["links"].append(wire.id)
        node["outputs"] = outputs
        if words is None:
            return [], list(notes)
        self._connect(scope, (node["id"], LORA_STACK), (words["id"], 0), "LORA_STACK")
        return [TRIGGER_NODE], [*notes, TRIGGER_NOTE]

    def _add_trigger_words(self, scope: _Scope, node: Json) -> Json:
        """A Trigger Words node above the one whose words it gives: rows make that one grow down."""
        x, y = _pair(node.get("pos"))
        words: Json = {
            "id": self._next_id("node"),
            "type": TRIGGER_NODE,
            "pos": [x, y - TRIGGER_SIZE[1] - 60],
            "size": list(TRIGGER_SIZE),
            "flags": {},
            "order": node.get("order", 0),
            "mode": node.get("mode", 0),
            "inputs": [
                {"name": "lora_stack", "type": SOCKET_TYPES["lora_stack"], "link": None},
                *(widget_slot(name) for name in TRIGGER_VALUES),
            ],
            "outputs": output_slots(TRIGGER_NODE),
            "properties": {"Node name for S&R": TRIGGER_NODE},
            "widgets_values": list(TRIGGER_VALUES.values()),
        }
        scope.links.add_node(words)
        self._words[_key(scope, node.get("id"))] = (scope, words)
        return words

    def _drop_idle_words(self, applied: Applied) -> None:
        """Takes Trigger Words nodes away whose only users turned out to need none."""
        for key, place in self._words.items():
            if self._remove_unused(*place):
                applied.added[key].remove(TRIGGER_NODE)
                applied.notes[key].remove(TRIGGER_NOTE)

    def _connect(
        self, scope: _Scope, origin: tuple[Any, Any], target: tuple[Any, int], kind: str
    ) -> None:
        scope.links.add(
            {
                "id": self._next_id("link"),
                "origin_id": origin[0],
                "origin_slot": origin[1],
                "target_id": target[0],
                "target_slot": target[1],
                "type": kind,
            }
        )

    def _forget_promoted(self, scope: _Scope, node: Json, new: NewNode) -> list[str]:
        """Takes old widgets off the subgraph nodes that show them by name."""
        names = set(new.cells())
        notes: dict[str, None] = {}
        for outer in self._instances[scope.id]:
            properties = outer.get("properties")
            listed = properties.get("proxyWidgets") if isinstance(properties, dict) else None
            shown = listed if isinstance(listed, list) else []
            for entry in list(shown):
                inner = entry if isinstance(entry, list) and len(entry) > 1 else (None, None)
                if str(inner[0]) == str(node["id"]) and inner[1] not in names:
                    shown.remove(entry)
                    notes[f"The subgraph showed its widget {inner[1]}; it no longer does."] = None
        return list(notes)

    def _remove_unused(self, scope: _Scope, node: Json) -> bool:
        """Takes a node away unless another one uses it."""
        if scope.links.out_of(node.get("id")):
            return False
        for wire in scope.links.into(node.get("id")):
            scope.links.remove(wire.id)
        scope.graph["nodes"].remove(node)
        return True

    def _next_id(self, kind: str) -> int:
        """An id that is free in all subgraphs: they are counted together."""
        self._free[kind] += 1
        return self._free[kind] - 1

    def _first_free(self, kind: str) -> int:
        used: list[Any] = [self._graph.get(f"last_{kind}_id")]
        for scope in self._scopes:
            nodes = tables(scope.graph.get("nodes"))
            used += [node.get("id") for node in nodes] if kind == "node" else scope.links.ids
        return max((number for number in used if isinstance(number, int)), default=0) + 1

    def _write_counters(self) -> None:
        for kind, free in self._free.items():
            if f"last_{kind}_id" in self._graph:
                self._graph[f"last_{kind}_id"] = free - 1
            for scope in self._scopes:
                state = scope.graph.get("state")
                name = f"last{kind.title()}Id"
                if isinstance(state, dict) and isinstance(state.get(name), int):
                    state[name] = max(state[name], free - 1)


def _key(scope: _Scope, node_id: Any) -> str:
    return f"{scope.id}:{node_id}" if scope.id else str(node_id)


def _sources(new: NewNode) -> dict[str, str]:
    """New input -> the old one whose link it takes over."""
    cells = {name: cell.name for name, cell in new.cells().items() if isinstance(cell, Link)}
    return {**new.sockets, **cells}


def _become(node: Json, new: NewNode) -> None:
    """Makes a node's own fields those of its new type."""
    if node.get("title") == node["type"]:
        del node["title"]
    properties = node.get("properties")
    kept = properties if isinstance(properties, dict) else {}
    node["properties"] = {
        name: value for name, value in kept.items() if name not in _OF_THE_OLD_PACK
    } | {"Node name for S&R": new.class_type}
    names = {posix_name(row.lora): row.lora for row in new.rows if isinstance(row.lora, str)}
    for model in tables(node["properties"].get("models")):
        name = model.get("name")
        if isinstance(name, str):  # it has to be spelled as in its row
            model["name"] = names.get(posix_name(name), name)
    node["type"] = new.class_type
    node["widgets_values"] = [_shown(name, cell) for name, cell in new.cells().items()]


def _shown(name: str, cell: Any) -> Any:
    """A widget's own value; one with a link shows what it showed before, if that fits."""
    if not isinstance(cell, Link):
        return cell
    if name.startswith("strength"):
        is_number = isinstance(cell.shown, int | float) and not isinstance(cell.shown, bool)
        return cell.shown if is_number else 1.0
    return cell.shown if isinstance(cell.shown, str) else ""


def _pair(value: Any) -> tuple[float, float]:
    """A position, saved as a list or as an object with the keys 0 and 1."""
    at = [value.get("0"), value.get("1")] if isinstance(value, dict) else value
    numbers = [n for n in at[:2] if isinstance(n, int | float)] if isinstance(at, list) else []
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0.0, 0.0)
