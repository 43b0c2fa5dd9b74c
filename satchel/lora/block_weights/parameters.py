"""`key=value` parameters behind a vector, as prompt tags and Impact's LBW text write them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .reader import Reader


def split_parameters(
    reader: Reader, separators: str, keys: Mapping[str, str]
) -> tuple[Reader, dict[str, Reader]]:
    """What comes before the first parameter, and the value of each.

    Args:
        separators: characters that may stand between parameters.
        keys: every spelling of a key -> the key.

    Raises:
        BlockWeightSyntaxError: a parameter of another name, or one that is there twice.
    """
    blanks = "" if " " in separators else r"\s*"
    pattern = re.compile(rf"(?:^|[{re.escape(separators)}]){blanks}(?P<key>[A-Za-z]\w*)\s*=")
    text = reader.rest()
    found = list(pattern.finditer(text))
    ends = [*(match.start() for match in found), len(text)][1:]
    offset = reader.position
    values: dict[str, Reader] = {}
    for match, end in zip(found, ends, strict=True):
        key = keys.get(match["key"])
        if key is None or key in values:
            expected = f"each of {', '.join(sorted(set(keys)))} once at most"
            raise reader.expected(expected, offset + match.start("key"))
        values[key] = _trimmed(reader, offset + match.end(), offset + end, separators)
    head_end = offset + (found[0].start() if found else len(text))
    return _trimmed(reader, offset, head_end, separators), values


def _trimmed(reader: Reader, start: int, end: int, separators: str) -> Reader:
    """A part without separators at its end."""
    part = reader.text[start:end].rstrip(separators + " \t\r\n")
    return reader.part(start, start + len(part))


def read_number(value: Reader) -> float:
    """A parameter that is a weight and nothing more."""
    number = value.weight()
    value.blanks()
    if not value.done:
        raise value.expected("the end of the number")
    return number


def list_names(names: Collection[str]) -> str:
    """`12, 17 or 20`."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
