"""Where the names of model files lie in the values of a node's widgets and inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..folders import MODEL_EXTENSIONS, posix_name
from .bare_names import ROWS_OF, may_hold_names, names_in_text
from .loaders import CORE_LOADERS, NOTES, STACK_LORA_INPUT, STACK_NODE, stack_lora_widgets

MAX_NAME_LENGTH = 500
MAX_TEXT_LENGTH = 100_000
"""How much of a text is searched for tags."""
_MAX_DEPTH = 8
"""How deep values inside one widget are followed."""
_NESTING = (list, dict)
_ENDINGS = tuple(MODEL_EXTENSIONS)
_LONGEST_ENDING = max(map(len, _ENDINGS))
_SHORTEST_NAME = 1 + min(map(len, _ENDINGS))


def keys_of(values: Any) -> Iterator[Any]:
    """The keys of a node's values at or below which a model may be named."""
    if isinstance(values, dict):
        return iter(list(values))
    return _followed(values) if isinstance(values, list) else iter(())


def _followed(values: list[Any]) -> Iterator[int]:
    """Where a model may be named at or below: of other values there can be a million."""
    for at, value in enumerate(values):
        if isinstance(value, str):
            # What tells in the shortest time, for nearly all of them, comes first.
            if len(value) < _SHORTEST_NAME:
                continue
            if (":" in value and may_hold_names(value)) or names_model(value):
                yield at
        elif isinstance(value, _NESTING):
            yield at


def widgets_of(
    class_type: str, values: Any, keys: Iterable[Any]
) -> Iterator[tuple[str, Any, str | None]]:
    """(input name, key in `widgets_values`, kind) of the widgets that may name a model.

    Args:
        keys: `keys_of(values)`.
    """
    by_name = isinstance(values, dict)
    if not isinstance(values, list | dict) or class_type in NOTES:
        return
    known = CORE_LOADERS.get(class_type)
    if known is not None:
        for loader in known:
            yield loader.name, loader.name if by_name else loader.widget, loader.kind
    elif class_type == STACK_NODE and isinstance(values, list):
        for name, index in stack_lora_widgets(values):
            yield name, index, "loras"
    else:
        for key in keys:
            yield str(key), key, None


def input_kind(class_type: str, name: str) -> tuple[bool, str | None]:
    """Whether an input may name a model, and the kind if the node is known."""
    if class_type in CORE_LOADERS:
        kinds = {loader.name: loader.kind for loader in CORE_LOADERS[class_type]}
        return name in kinds, kinds.get(name)
    if class_type == STACK_NODE:
        is_row = STACK_LORA_INPUT.match(name) is not None
        return is_row, "loras" if is_row else None
    return class_type not in NOTES, None


def named_values(container: Any, key: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Where model names lie at or below a value; other packs nest rows in objects."""
    try:
        value = container[key]
    except (KeyError, IndexError):
        return
    if isinstance(value, str):
        if names_model(value):
            yield container, key
    elif isinstance(value, dict) and depth < _MAX_DEPTH:
        for inner in value:
            yield from named_values(value, inner, depth + 1)
    elif isinstance(value, list) and depth < _MAX_DEPTH:
        for index in _followed(value):
            yield from named_values(value, index, depth + 1)


def bare_values(
    class_type: str, container: Any, key: Any, depth: int = 0
) -> Iterator[tuple[str, Any, Any, str | None]]:
    """(kind, container, key, name inside of a text) of names without an extension."""
    value = container[key]
    if class_type in NOTES:
        return
    if isinstance(value, str):
        if not may_hold_names(value):
            return
        for kind, name in names_in_text(value[:MAX_TEXT_LENGTH], class_type):
            yield kind, container, key, name
    elif isinstance(value, dict) and depth < _MAX_DEPTH:
        is_row = (
            ROWS_OF in class_type and "strength" in value and isinstance(value.get("name"), str)
        )
        if is_row and value["name"] and not names_model(value["name"]):
            yield "loras", value, "name", None
        for inner in value:
            yield from bare_values(class_type, value, inner, depth + 1)
    elif isinstance(value, list) and depth < _MAX_DEPTH:
        for index in _followed(value):
            yield from bare_values(class_type, value, index, depth + 1)


def names_model(value: str) -> bool:
    """Whether a widget's text looks like a model file's name rather than prose or a URL."""
    if not value[-_LONGEST_ENDING:].lower().endswith(_ENDINGS):
        return False
    if len(value) > MAX_NAME_LENGTH or "\n" in value or "://" in value:
        return False
    stem = posix_name(value.rpartition(".")[0]).rpartition("/")[2]
    return bool(stem.strip())
