"""Where a LORA_STACK comes from, by the graph: the rows of Satchel's nodes that lead to it.

A node in between may rebuild entries so that nothing of a row is left but plain text and numbers.
The graph, which every run carries, still says what was sent on its way. It is looked at only then,
and where it leaves a doubt the run stops: block weights of another row would be worse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from ..errors import LoraRowError
from .lora_names import same_file
from .rows import OnMismatch
from .window import ALWAYS, Window

if TYPE_CHECKING:
    from .stack import StackEntry

_ROUNDING = 0.005
"""Packs round strengths to two decimals."""


@dataclass(frozen=True, slots=True)
class RowSettings:
    """What a row has beyond the three fields of LORA_STACK."""

    blocks: str = ""
    window: Window = ALWAYS
    on_mismatch: OnMismatch = "stop"

    @property
    def matter(self) -> bool:
        """Whether losing them would change anything."""
        return self != RowSettings()


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row of a node upstream; None where a link decides."""

    name: str | None = None
    strengths: tuple[float, float] | None = None
    settings: RowSettings | None = None

    @property
    def may_matter(self) -> bool:
        return self.settings is None or self.settings.matter

    def may_be(self, name: str) -> bool:
        """Whether a name may be this row's."""
        return self.name is None or same_file(self.name, name)

    def is_exactly(self, entry: StackEntry) -> bool:
        """Whether name and strengths are an entry's, as far as rounding lets them be."""
        if self.name is None or self.strengths is None or not same_file(self.name, entry.name):
            return False
        theirs = (entry.strength_model, entry.strength_clip)
        pairs = zip(self.strengths, theirs, strict=True)
        return all(abs(own - their) <= _ROUNDING for own, their in pairs)

    def arrived_in(self, entries: Sequence[StackEntry]) -> bool:
        """Whether an entry that knows its row is this one."""
        return any(
            entry.entry_id and self.may_be(entry.name) and self.settings in (None, entry.settings)
            for entry in entries
        )


def row_of_rebuilt(
    entry: StackEntry, entries: Sequence[StackEntry], rows: Sequence[SourceRow]
) -> SourceRow | None:
    """The row of an entry that knows none; None if that does not matter.

    Raises:
        LoraRowError: it may be a row with settings, and may as well not be.
    """
    mine = [row for row in rows if row.may_be(entry.name)]
    if not any(row.may_matter for row in mine):
        return None
    exact = [row for row in mine if row.is_exactly(entry)]
    settings = {row.settings for row in exact}
    twins = [other for other in entries
             if not other.entry_id and any(row.is_exactly(other) for row in exact)]  # fmt: skip
    doubts = any(row.name is None and row.may_matter for row in mine)
    if len(settings) == 1 and len(twins) <= len(exact) and not doubts:
        found = settings.pop()
        if found is not None:
            return exact[0] if found.matter else None
    raise LoraRowError(
        f"{entry.label} ({entry.name}) has lost its row: a node between LoRA Stack and this one "
        "has rebuilt it, and which block weights, steps or other settings belong to it cannot be "
        "told.",
        hint="Connect LORA_STACK directly, or use no block weights and steps in those rows.",
        entry=entry.label,
    )


Inputs = Mapping[str, Any]
"""A node's inputs in an API graph; a list `[node id, output]` is a link."""


def rows_upstream(
    link: object,
    node_of: Callable[[str], Mapping[str, Any] | None],
    rows_of: Mapping[str, Callable[[Inputs], Sequence[SourceRow]]],
) -> list[SourceRow]:
    """All rows of Satchel's nodes behind a link, each node once.

    Args:
        node_of: a node of the API graph by its id.
        rows_of: class of a node -> reads its rows off its inputs.
    """
    rows: list[SourceRow] = []
    waiting: list[object] = [link]
    seen: set[str] = set()
    while waiting:
        at = waiting.pop()
        if not is_link(at) or at[0] in seen:
            continue
        seen.add(at[0])
        node = node_of(at[0])
        if node is None:
            continue
        inputs, read = node.get("inputs", {}), rows_of.get(node.get("class_type", ""))
        if read is None:
            waiting += inputs.values()
        else:
            rows += read(inputs)
            waiting.append(inputs.get("lora_stack"))
    return rows


def is_link(value: object) -> TypeGuard[list[Any]]:
    """Whether an input's value is a link, as the host tells it (`execution.is_link`)."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def linked_inputs(inputs: Inputs) -> Iterator[str]:
    """Names of the inputs whose values come from other nodes."""
    return (name for name, value in inputs.items() if is_link(value))
