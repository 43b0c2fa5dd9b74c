"""Puts LoRA Stacks in the place of other packs' LoRA nodes, whether these packs are here or not.

Each node is read and decided about first, on its own; then a copy of the graph is changed. What has
no exact counterpart stays as it is, with a sentence that says why; what is carried over with a
difference gets a note. Links, title, place, size, mode and colour stay.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ...errors import ConversionError
from ...folders import posix_name
from ...lora.presets import builtin_presets
from ..documents import WorkflowDocument
from .api_graph import ApiGraph
from .nodes import Applied, NewNode, SavedNode, Surroundings
from .registry import READERS, REFUSED, convertible_types
from .ui_graph import UiGraph

__all__ = ["Conversion", "Converted", "Kept", "convert", "convertible_types"]


@dataclass(frozen=True, slots=True)
class Converted:
    """One node that was replaced."""

    node: str
    """Its id; `SUBGRAPH:ID` for one inside a subgraph's definition."""
    old_type: str
    new_type: str
    rows: int
    added: tuple[str, ...]
    """Class types of the nodes that were added for it."""
    notes: tuple[str, ...]
    """What is not as it was, one sentence each."""

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "from": self.old_type,
            "to": self.new_type,
            "rows": self.rows,
            "added": list(self.added),
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """One LoRA node of another pack that stays as it is."""

    node: str
    type: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return {"node": self.node, "type": self.type, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Conversion:
    """A document after conversion, and what happened to each LoRA node of another pack."""

    document: WorkflowDocument
    converted: tuple[Converted, ...]
    kept: tuple[Kept, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "graph": self.document.ui,
            "prompt": self.document.api,
            "converted": [entry.to_json() for entry in self.converted],
            "kept": [entry.to_json() for entry in self.kept],
        }


class _Graph(Protocol):
    """A graph that is being changed, of either form."""

    def saved_nodes(self, types: Collection[str]) -> dict[str, SavedNode]: ...

    def apply(self, replacements: Mapping[str, NewNode]) -> Applied: ...


def convert(
    document: WorkflowDocument,
    *,
    names: Collection[str] | None = None,
    presets: Mapping[str, str] | None = None,
    types: Collection[str] | None = None,
    nodes: Collection[str] | None = None,
) -> Conversion:
    """Converts the LoRA nodes of other packs in all graphs of a document.

    The document handed in is unchanged. The one returned has no image: that still carries the
    graph as it was.

    Args:
        names: LoRAs of this machine as its host spells them; `None` if that is not known.
        presets: block weight presets; those that ship with Satchel by default.
        types: only nodes of these class types.
        nodes: only nodes with these ids, as `Converted.node` gives them.
    """
    surroundings = Surroundings(
        None if names is None else {posix_name(name): name for name in names},
        builtin_presets() if presets is None else presets,
    )
    converted: dict[str, Converted] = {}
    kept: dict[str, Kept] = {}
    ui, api = copy.deepcopy(document.ui), copy.deepcopy(document.api)
    graphs: list[_Graph] = [UiGraph(ui)] if ui is not None else []
    graphs += [ApiGraph(api)] if api is not None else []
    for graph in graphs:
        done, left = _convert_graph(graph, surroundings, types, nodes)
        # A file with both forms holds each node twice; the first one is what people see.
        converted = {**{entry.node: entry for entry in done}, **converted}
        kept = {**{entry.node: entry for entry in left}, **kept}
    changed = replace(document, ui=ui, api=api, image=None)
    return Conversion(changed, tuple(converted.values()), tuple(kept.values()))


def _convert_graph(
    graph: _Graph,
    surroundings: Surroundings,
    types: Collection[str] | None,
    nodes: Collection[str] | None,
) -> tuple[list[Converted], list[Kept]]:
    known = {*READERS, *REFUSED} if types is None else {*READERS, *REFUSED}.intersection(types)
    found = graph.saved_nodes(known)
    wanted = found.keys() if nodes is None else found.keys() & set(nodes)
    chosen = {key: node for key, node in found.items() if key in wanted}
    decided: dict[str, NewNode] = {}
    kept: dict[str, Kept] = {}
    for key, node in chosen.items():
        if node.class_type in REFUSED:
            kept[key] = Kept(key, node.class_type, REFUSED[node.class_type])
            continue
        try:
            new = READERS[node.class_type](node, surroundings)
            decided[key] = _spelled_as_here(new, surroundings)
        except ConversionError as error:
            reason = " ".join(filter(None, (str(error), error.hint)))
            kept[key] = Kept(key, node.class_type, reason)
    applied = graph.apply(decided)
    converted = [
        Converted(
            key, chosen[key].class_type, new.class_type, len(new.rows),
            tuple(applied.added[key]), (*new.notes, *applied.notes[key]),
        )
        for key, new in decided.items()
    ]  # fmt: skip
    return converted, [entry for key, entry in kept.items() if key not in applied.removed]


def _spelled_as_here(new: NewNode, surroundings: Surroundings) -> NewNode:
    """Names of files that are here as the host spells them, so that its lists know them."""
    names = surroundings.names or {}
    rows = tuple(
        replace(row, lora=names.get(row.lora, row.lora)) if isinstance(row.lora, str) else row
        for row in new.rows
    )
    return replace(new, rows=rows)
