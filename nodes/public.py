"""What clients may be told."""

from __future__ import annotations

from typing import Any


def without_paths(value: Any) -> Any:
    """A JSON value without the places of files: clients know models by folder and name."""
    if isinstance(value, dict):
        return {key: without_paths(item) for key, item in value.items() if key != "path"}
    if isinstance(value, list | tuple):
        return [without_paths(item) for item in value]
    return value
