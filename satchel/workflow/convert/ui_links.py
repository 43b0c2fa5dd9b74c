"""The links of a UI graph or subgraph definition: lists in schema 0.4, objects in 1.0 and inside of
definitions. Every change keeps the table and the ends that it names together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

INPUT_NODE, OUTPUT_NODE = "-10", "-20"
"""Ids of a definition's own input and output nodes."""
_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


@dataclass(frozen=True, slots=True)
class Wire:
    """One link, read."""

    id: Any
    origin_id: Any
    origin_slot: Any
    target_id: Any
    target_slot: Any


class Links:
    """The links of one graph, found by their ends. `close` finishes what `remove` began."""

    def __init__(self, graph: Json) -> None:
        self._graph = graph
        self._nodes = {str(node.get("id")): node for node in tables(graph.get("nodes"))}
        links = graph.get("links")
        self._links: list[Any] = links if isinstance(links, list) else []
        self._by_id = {_get(link, "id"): link for link in self._links if _hashable(link)}
        self._into: dict[str, list[Any]] = defaultdict(list)
        self._out_of: dict[str, list[Any]] = defaultdict(list)
        self._removed: set[Any] = set()
        for link_id, link in self._by_id.items():
            self._into[str(_get(link, "target_id"))].append(link_id)
            self._out_of[str(_get(link, "origin_id"))].append(link_id)

    @property
    def ids(self) -> list[Any]:
        return list(self._by_id)

    def find(self, link_id: Any) -> Wire | None:
        link = self._by_id.get(link_id)
        return None if link is None else Wire(*(_get(link, name) for name in _FIELDS[:5]))

    def into(self, node_id: Any) -> list[Wire]:
        return self._wires(self._into[str(node_id)])

    def out_of(self, node_id: Any) -> list[Wire]:
        return self._wires(self._out_of[str(node_id)])

    def _wires(self, ids: list[Any]) -> list[Wire]:
        found = (self.find(link_id) for link_id in ids)
        return [wire for wire in found if wire is not None]

    def add_node(self, node: Json) -> None:
        self._graph["nodes"].append(node)
        self._nodes[str(node["id"])] = node

    def set_target(self, link_id: Any, slot: int) -> None:
        """Leads a link into another input of the same node."""
        _set(self._by_id[link_id], "target_slot", slot)

    def set_origin(self, link_id: Any, node_id: Any, slot: int) -> None:
        """Lets a link begin elsewhere; the outputs themselves are for the caller to change."""
        link = self._by_id[link_id]
        self._out_of[str(_get(link, "origin_id"))].remove(link_id)
        self._out_of[str(node_id)].append(link_id)
        _set(link, "origin_id", node_id)
        _set(link, "origin_slot", slot)

    def add(self, link: Json) -> None:
        """Adds a link between nodes that are there, in the form that the graph's others have."""
        in_lists = any(isinstance(known, list) for known in self._by_id.values())
        made = [link[name] for name in _FIELDS] if in_lists else link
        self._links.append(made)
        self._by_id[link["id"]] = made
        self._into[str(link["target_id"])].append(link["id"])
        self._out_of[str(link["origin_id"])].append(link["id"])
        inner = str(link["origin_id"]) == INPUT_NODE
        origin = self._origin(link["origin_id"], link["origin_slot"])
        if origin is not None:
            key = "linkIds" if inner else "links"
            origin[key] = [*(origin.get(key) or []), link["id"]]
        target = _at(self._nodes[str(link["target_id"])]["inputs"], link["target_slot"])
        if target is not None:
            target["link"] = link["id"]

    def remove(self, link_id: Any) -> None:
        """Takes a link off both its ends."""
        wire = self.find(link_id)
        if wire is None:
            return
        target = self._target(wire.target_id, wire.target_slot)
        for slot in (self._origin(wire.origin_id, wire.origin_slot), target):
            for key in ("links", "linkIds"):
                if slot is not None and isinstance(slot.get(key), list):
                    slot[key] = [known for known in slot[key] if known != link_id]
        if target is not None and target.get("link") == link_id:
            target["link"] = None
        self._into[str(wire.target_id)].remove(link_id)
        self._out_of[str(wire.origin_id)].remove(link_id)
        del self._by_id[link_id]
        self._removed.add(link_id)

    def close(self) -> None:
        """Takes removed links out of the table, and out of the reroutes on their way."""
        if not self._removed:
            return
        kept = [link for link in self._links if not self._is_removed(_get(link, "id"))]
        self._links[:] = kept
        extra = self._graph.get("extra")
        for holder in (self._graph, extra if isinstance(extra, dict) else {}):
            for reroute in tables(holder.get("reroutes")):
                ids = reroute.get("linkIds")
                if isinstance(ids, list):
                    reroute["linkIds"] = [known for known in ids if not self._is_removed(known)]
            extensions = holder.get("linkExtensions")
            if isinstance(extensions, list):
                extensions[:] = [e for e in tables(extensions) if not self._is_removed(e.get("id"))]

    def _is_removed(self, link_id: Any) -> bool:
        return isinstance(link_id, int | str) and link_id in self._removed

    def _origin(self, node_id: Any, slot: Any) -> Json | None:
        if str(node_id) == INPUT_NODE:
            return _at(self._graph.get("inputs"), slot)
        return _at(self._nodes.get(str(node_id), {}).get("outputs"), slot)

    def _target(self, node_id: Any, slot: Any) -> Json | None:
        if str(node_id) == OUTPUT_NODE:
            return _at(self._graph.get("outputs"), slot)
        return _at(self._nodes.get(str(node_id), {}).get("inputs"), slot)


def tables(value: Any) -> Iterator[Json]:
    """The objects of a list; nothing for anything else."""
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            yield item


def _hashable(link: Any) -> bool:
    return isinstance(_get(link, "id"), int | str)


def _get(link: Any, name: str) -> Any:
    if isinstance(link, dict):
        return link.get(name)
    at = _FIELDS.index(name)
    return link[at] if isinstance(link, list) and len(link) > at else None


def _set(link: Any, name: str, value: Any) -> None:
    link[_FIELDS.index(name) if isinstance(link, list) else name] = value


def _at(slots: Any, index: Any) -> Json | None:
    inside = isinstance(slots, list) and isinstance(index, int) and 0 <= index < len(slots)
    slot = slots[index] if inside else None
    return slot if isinstance(slot, dict) else None
