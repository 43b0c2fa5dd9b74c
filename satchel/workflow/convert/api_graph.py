"""Replacing nodes in an API graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

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
from .sockets import DISPLAY_NAMES, TRIGGER_NOTE, lost_input, lost_output

Json = dict[str, Any]


class ApiGraph:
    """An API graph that is being changed."""

    def __init__(self, graph: Json) -> None:
        self._graph = graph
        parts = (part for key in graph for part in key.split(":"))
        numbers = [int(part) for part in parts if part.isdecimal() and len(part) < 16]
        self._free = max(numbers, default=0) + 1

    def saved_nodes(self, types: Collection[str]) -> dict[str, SavedNode]:
        """Nodes of some types by their ids."""
        return {
            key: self._saved(entry)
            for key, entry in self._graph.items()
            if entry["class_type"] in types
        }

    def _saved(self, entry: Json) -> SavedNode:
        inputs = entry.get("inputs", {})
        return SavedNode(
            entry["class_type"],
            inputs={
                name: _unwrapped(value) for name, value in inputs.items() if not is_link(value)
            },
            links={name: Link(name, value) for name, value in inputs.items() if is_link(value)},
            upstream=self._upstream,
        )

    def _upstream(self, link: Link) -> tuple[str, SavedNode] | None:
        key = link.key[0]
        return (key, self._saved(self._graph[key])) if key in self._graph else None

    def apply(self, replacements: Mapping[str, NewNode]) -> Applied:
        """Puts new nodes under the ids of old ones, then leads every link to its new output."""
        applied = Applied()
        for key, new in replacements.items():
            applied.added[key] = []
            applied.notes[key] = self._replace(self._graph[key], new)
        words: dict[str, str] = {}
        lost: dict[tuple[str, str], None] = {}
        for entry in list(self._graph.values()):
            inputs = entry.get("inputs", {})
            for name, value in list(inputs.items()):
                if not is_link(value) or value[0] not in replacements:
                    continue
                key = value[0]
                label, target = _new_output(replacements[key], value[1])
                if target is None:
                    del inputs[name]
                    lost[key, lost_output(label)] = None
                elif target == TRIGGER_WORDS:
                    words[key] = words.get(key) or self._take_id()
                    inputs[name] = [words[key], 0]
                else:
                    inputs[name] = [key, target]
        for key, note in lost:
            applied.notes[key].append(note)
        for key, added in words.items():
            self._add_trigger_words(added, key)
            applied.added[key].append(TRIGGER_NODE)
            applied.notes[key].append(TRIGGER_NOTE)
        applied.removed |= self._remove_unused(
            {new.absorbs for new in replacements.values() if new.absorbs is not None}
        )
        return applied

    def _replace(self, entry: Json, new: NewNode) -> list[str]:
        """Makes an entry the new node, with links as they were; returns notes."""
        old: Mapping[str, Any] = entry.get("inputs", {})
        inputs: Json = {
            name: list(old[source])
            for name, source in new.sockets.items()
            if is_link(old.get(source))
        }
        carried = set(new.sockets.values())
        for name, cell in new.cells().items():
            inputs[name] = list(cell.key) if isinstance(cell, Link) else cell
            carried |= {cell.name} if isinstance(cell, Link) else set()
        meta = entry.get("_meta")
        if isinstance(meta, dict) and meta.get("title") == entry["class_type"]:
            meta["title"] = DISPLAY_NAMES[new.class_type]
        entry["class_type"], entry["inputs"] = new.class_type, inputs
        return [
            lost_input(name)
            for name, value in old.items()
            if is_link(value) and name not in carried and name not in new.without_effect
        ]

    def _take_id(self) -> str:
        self._free += 1
        return str(self._free - 1)

    def _add_trigger_words(self, node_id: str, stack: str) -> None:
        self._graph[node_id] = {
            "class_type": TRIGGER_NODE,
            "inputs": {"lora_stack": [stack, LORA_STACK], **TRIGGER_VALUES},
            "_meta": {"title": DISPLAY_NAMES[TRIGGER_NODE]},
        }

    def _remove_unused(self, keys: set[str]) -> set[str]:
        """Takes nodes away unless others use them; returns those that went."""
        used = {value[0] for entry in self._graph.values()
                for value in entry.get("inputs", {}).values() if is_link(value)}  # fmt: skip
        for key in keys - used:
            del self._graph[key]
        return keys - used


def _new_output(new: NewNode, slot: Any) -> tuple[str, int | None]:
    """Name of an old output, and where its links go on."""
    known = isinstance(slot, int) and 0 <= slot < len(new.outputs)
    return new.outputs[slot] if known else (str(slot), None)


def is_link(value: Any) -> bool:
    """`[node id, output]`, as the host tells links from lists."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int | float)
        and not isinstance(value[1], bool)
    )


def _unwrapped(value: Any) -> Any:
    """A list without the wrapping that tells the host it is no link."""
    if isinstance(value, dict) and set(value) == {"__value__"}:
        return value["__value__"]
    return value
