"""Reading a site's JSON: every field may be missing, null or of an odd type."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from ..identity import MAX_COUNT

_BLOCK_END = re.compile(r"<(?:/p|/li|/h[1-6]|br)\b[^>]*>", re.IGNORECASE)
_MARKUP = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>|<[^>]*>", re.I | re.S)
MAX_DESCRIPTION = 20_000
"""Characters of a description that are kept; some are whole articles with inlined pictures."""


def table(value: Any) -> Mapping[str, Any]:
    """An object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; anything else is dropped."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text without surrounding space, or an empty one in place of anything else."""
    return value.strip() if isinstance(value, str) else ""


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list; tags were objects with a name once."""
    entries = value if isinstance(value, list) else []
    found = [text(table(entry).get("name")) or text(entry) for entry in entries]
    return tuple(dict.fromkeys(entry for entry in found if entry))


def count(value: Any) -> int | None:
    """A whole number above 0 that is one for every reader of JSON."""
    return value if type(value) is int and 0 < value <= MAX_COUNT else None


def plain_text(value: Any) -> str:
    """A description without its markup; what is left is shown as text, never as HTML."""
    marked = text(value)[: 4 * MAX_DESCRIPTION]
    bare = html.unescape(_MARKUP.sub("", _BLOCK_END.sub("\n", marked)))
    lines = (" ".join(line.split()) for line in bare.splitlines())
    return "\n".join(line for line in lines if line)[:MAX_DESCRIPTION]
