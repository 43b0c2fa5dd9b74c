"""What the graph says about the rows that a LORA_STACK comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..satchel.lora.rows import SOCKETS, parse_rows
from ..satchel.lora.stack import Sources, StackEntry, entries_of_rows
from ..satchel.lora.stack_sources import (
    Inputs,
    SourceRow,
    is_link,
    linked_inputs,
    rows_upstream,
)
from . import host
from .planning import with_presets_written_out
from .tags import entries_of_prompt

_SETTINGS = ("blocks", "start", "stop", "on_mismatch")
_STRENGTHS = ("strength_model", "strength_clip")


def sources(node: Any) -> Sources:
    """The rows of Satchel's nodes behind the `lora_stack` input of a node that runs."""

    def rows() -> Sequence[SourceRow]:
        graph = getattr(getattr(node, "hidden", None), "dynprompt", None)
        running = host.running_node()
        if graph is None or running is None:
            return ()

        def node_of(id_: str) -> Mapping[str, Any] | None:
            return graph.get_node(id_) if graph.has_node(id_) else None

        own = node_of(running)
        link = None if own is None else own.get("inputs", {}).get("lora_stack")
        return rows_upstream(link, node_of, _ROWS_OF)

    return rows


def _rows_of_stack(inputs: Inputs) -> list[SourceRow]:
    linked = set(linked_inputs(inputs))
    # A row whose switch is linked may be on, and a switch that is not there is on.
    switches = {name for name in linked if name.startswith("on_") and name[3:].isdigit()}
    cells = {name: value for name, value in inputs.items() if name not in SOCKETS | switches}
    rows = parse_rows(cells, unknown=linked)
    entries = with_presets_written_out(entries_of_rows(rows))
    return [
        _source_row(entry, lambda field, n=number: f"{field}_{n}" in linked)
        for entry, number in zip(entries, (row.number for row in rows if row.on), strict=True)
    ]


def _source_row(entry: StackEntry, is_linked: Callable[[str], bool]) -> SourceRow:
    return SourceRow(
        None if is_linked("lora") else entry.name,
        None if any(map(is_linked, _STRENGTHS)) else (entry.strength_model, entry.strength_clip),
        None if any(map(is_linked, _SETTINGS)) else entry.settings,
    )


def _rows_of_prompt(inputs: Inputs) -> list[SourceRow]:
    said = {name: inputs[name] for name in ("prompt", "dialect", "on_mismatch") if name in inputs}
    if any(map(is_link, said.values())):
        return [SourceRow()]
    return [
        SourceRow(entry.name, (entry.strength_model, entry.strength_clip), entry.settings)
        for entry in entries_of_prompt(**{"prompt": "", "dialect": "auto", **said})
    ]


_ROWS_OF = {
    "SatchelLoraStack": _rows_of_stack,
    "SatchelLoraStackFromPrompt": _rows_of_prompt,
}
