"""JSON from strangers: refused before it is parsed when its values would fill the memory.

`{"a":{}},` is nine bytes of text and some 300 of memory, so a limit on bytes alone is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

_OBJECT_BYTES, _LIST_BYTES, _VALUE_BYTES = 232, 88, 72
"""Of one of each in CPython 3.10 to 3.13, rounded up: with its head, and its place in another."""
MAX_VALUE_BYTES = 64 * 1024 * 1024
"""Memory that the values of any text may take."""
MAX_GROWTH = 8
"""Larger texts may take so many times their own size. Of ComfyUI's own 493 templates, written
without blanks, the middle one takes 7 times its text and the worst 11; all of them as one graph of
20 MB take 6, which came to 111 MiB when it was read. Ten million hostile bytes come to 70 MiB."""


class TooManyValuesError(ValueError):
    """The text may be JSON, but holds more values than any honest file of its size."""


def loads(text: str | bytes, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """As `json.loads`.

    Raises:
        TooManyValuesError: it would take far more memory than its text.
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    check_size(text)
    return json.loads(text, parse_constant=parse_constant)


def check_size(*texts: str | bytes) -> None:
    """Refuses texts whose values together would take too much memory.

    Raises:
        TooManyValuesError: they would.
    """
    limit = max(MAX_VALUE_BYTES, MAX_GROWTH * sum(map(len, texts)))
    if sum(map(_estimate, texts)) > limit:
        raise TooManyValuesError("it holds far too many values")


def _estimate(text: str | bytes) -> int:
    """An upper bound, which takes signs inside of texts for values, too."""
    objects, lists, values = (
        (text.count("{"), text.count("["), text.count(","))
        if isinstance(text, str)
        else (text.count(b"{"), text.count(b"["), text.count(b","))
    )
    return objects * _OBJECT_BYTES + lists * _LIST_BYTES + values * _VALUE_BYTES
