"""Which bytes of a file are there."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

Span = tuple[int, int]
"""Half open: the first byte, and the one after the last."""


class Ranges:
    """Sorted, disjoint spans."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in spans:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        if start >= end:
            return
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last], self._ends[first:last] = [start], [end]

    def end_from(self, position: int) -> int:
        """Where the run of bytes that are there and begin at `position` ends."""
        index = bisect_right(self._starts, position) - 1
        return max(position, self._ends[index]) if index >= 0 else position

    def gaps(self, total: int) -> list[Span]:
        """The spans below `total` that are missing."""
        edges = [0, *(edge for span in self for edge in span), total]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(start, min(end, total)) for start, end in pairs if start < min(end, total)]

    @property
    def bytes(self) -> int:
        return sum(self._ends) - sum(self._starts)

    @property
    def end(self) -> int:
        """One after the last byte that is there."""
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Span]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"


def ranges_from_json(value: Any) -> Ranges | None:
    """Ranges as a sidecar holds them; None for anything else."""
    if not isinstance(value, list):
        return None
    for span in value:
        whole = isinstance(span, list) and len(span) == 2 and all(type(n) is int for n in span)
        if not whole or not 0 <= span[0] < span[1]:
            return None
    return Ranges((start, end) for start, end in value)
