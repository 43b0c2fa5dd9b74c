"""Reading what a queued graph will do: links, values behind links, what its outputs reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

Json = dict[str, Any]

_MAX_HOPS = 20
_VALUE_INPUTS = ("value", "Value", "text", "string", "seed", "noise_seed", "number", "float", "int")
"""Inputs of nodes that only hold a value, as the core's primitives and other packs call them."""


def is_link(value: Any) -> TypeGuard[list[Any]]:
    """Whether an input's value is another node's output: `[id, slot]`."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def inputs_of(node: Any) -> Mapping[str, Any]:
    """A node's inputs; none where it has no such table."""
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}


def value_behind(graph: Mapping[str, Any], value: Any) -> Any:
    """A plain value, followed through nodes that only hold one; None where only a run tells."""
    for _ in range(_MAX_HOPS):
        if not is_link(value):
            return value
        inputs = inputs_of(graph.get(value[0]))
        held = [inputs[name] for name in _VALUE_INPUTS if name in inputs]
        if len(held) != 1:
            return None
        value = held[0]
    return None


def number_behind(graph: Mapping[str, Any], value: Any) -> float | None:
    """The same for numbers."""
    found = value_behind(graph, value)
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def reached(graph: Mapping[str, Any], ends: Iterable[str]) -> set[str]:
    """Ids of nodes that these ones need, themselves included."""
    found: set[str] = set()
    pending = [end for end in ends if end in graph]
    while pending:
        node_id = pending.pop()
        if node_id in found:
            continue
        found.add(node_id)
        links = [value for value in inputs_of(graph[node_id]).values() if is_link(value)]
        pending += [link[0] for link in links if link[0] in graph]
    return found
