"""Subgraph definitions, and the widgets that they show on their own nodes.

A definition's inputs are links from the node id -10 to widgets inside. Its nodes outside save those
widgets' values in `widgets_values`, one for each in the order of the definition's inputs, or save
none: then the widgets inside keep the say. (ComfyUI 0.30.0's own 493 templates have 280 such nodes,
78 with all values and 202 without.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Json = dict[str, Any]

INPUT_NODE = "-10"
"""Id of a definition's own input node, in its links."""


class Says(Enum):
    """Who decides about a widget's value, when it is not a value from outside."""

    WIDGET = "the widget itself"
    LINK = "another node"


@dataclass(frozen=True, slots=True)
class PromotedWidget:
    """An input of a definition that leads to widgets inside."""

    slot: int
    name: str
    targets: tuple[tuple[str, str], ...]
    """(class type, widget name) inside."""


def definitions_of(graph: Json) -> dict[str, Json]:
    """Subgraph definitions by id, nested ones too."""
    found: dict[str, Json] = {}
    pending = [graph]
    while pending:
        definitions = pending.pop().get("definitions")
        subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
        for subgraph in _tables(subgraphs):
            if str(subgraph.get("id")) not in found:
                found[str(subgraph.get("id"))] = subgraph
                pending.append(subgraph)
    return found


def promoted_widgets(definition: Json) -> list[PromotedWidget]:
    """The widgets that a definition shows outside, in the order in which they are saved."""
    nodes = {str(node.get("id")): node for node in _tables(definition.get("nodes"))}
    targets: dict[int, list[tuple[str, str]]] = {}
    for link in _tables(definition.get("links")):
        node, at = nodes.get(str(link.get("target_id"))), link.get("target_slot")
        slots = node.get("inputs") if node is not None else None
        if str(link.get("origin_id")) != INPUT_NODE or not isinstance(slots, list):
            continue
        slot = slots[at] if isinstance(at, int) and 0 <= at < len(slots) else None
        if node is not None and isinstance(slot, dict) and isinstance(slot.get("widget"), dict):
            widget = (str(node.get("type")), str(slot["widget"].get("name")))
            origin = link.get("origin_slot")
            targets.setdefault(origin if isinstance(origin, int) else -1, []).append(widget)
    inputs = definition.get("inputs")
    return [
        PromotedWidget(slot, str(shown.get("name")), tuple(targets[slot]))
        for slot, shown in enumerate(inputs if isinstance(inputs, list) else [])
        if slot in targets and isinstance(shown, dict)
    ]


def origins(graph: Json) -> dict[str, tuple[str, Any]]:
    """(node id, slot) where each link of a graph or definition begins, by the link's id."""
    links = graph.get("links")
    found = {}
    for link in links if isinstance(links, list) else []:
        if isinstance(link, list) and len(link) > 2:
            found[str(link[0])] = (str(link[1]), link[2])
        elif isinstance(link, dict):
            found[str(link.get("id"))] = (str(link.get("origin_id")), link.get("origin_slot"))
    return found


def linked_inputs(
    node: Json, links: Mapping[str, tuple[str, Any]], outside: Mapping[Any, Any]
) -> dict[str, Any]:
    """Who decides about each input of a node that has a link: `Says`, or the value from outside.

    Args:
        outside: the same for each slot of the definition that the node lies in.
    """
    found = {}
    for slot in _tables(node.get("inputs")):
        if slot.get("link") is None:
            continue
        widget = slot.get("widget")
        name = widget.get("name") if isinstance(widget, dict) else slot.get("name")
        node_id, at = links.get(str(slot["link"]), ("", None))
        inner = node_id == INPUT_NODE and isinstance(at, int)
        found[str(name)] = outside.get(at, Says.LINK) if inner else Says.LINK
    return found


def slot_values(
    node: Json, promoted: list[PromotedWidget], linked: Mapping[str, Any]
) -> dict[Any, Any]:
    """Who decides about each slot of a subgraph node's definition: `Says`, or the node's value."""
    values = saved_values(node, promoted)
    found: dict[Any, Any] = {}
    for index, widget in enumerate(promoted):
        found[widget.slot] = linked.get(widget.name, Says.WIDGET)
        if found[widget.slot] is Says.WIDGET and values is not None:
            found[widget.slot] = values[index]
    return found


def saved_values(node: Json, promoted: list[PromotedWidget]) -> list[Any] | None:
    """The values that a subgraph node has of its own; `None` when the inner widgets decide."""
    values = node.get("widgets_values")
    return values if isinstance(values, list) and values and len(values) == len(promoted) else None


def _tables(value: Any) -> Iterator[Json]:
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield item
