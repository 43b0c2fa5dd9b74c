"""Addresses that authors wrote into notes for people: hints at where a model may be.

    [ae.safetensors](https://huggingface.co/a/b/resolve/main/ae.safetensors)

A hint is never a source by itself: nobody pinned its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ..folders import posix_name
from ..urls import without_secrets
from .documents import WorkflowDocument
from .loaders import NOTES
from .subgraphs import definitions_of

MAX_HINTS = 5
"""For one model."""
_MAX_TEXT = 200_000
"""Characters of all notes together that are looked through."""
_URL = re.compile(r"https://[^\s<>\"'`\]\)}|\\]{1,1000}")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(\s*(https://[^\s)]{1,1000})\s*\)")


def hints_in(document: WorkflowDocument) -> dict[str, tuple[str, ...]]:
    """File name without folders, in lower case -> addresses in the notes that name it: by their
    last part, or by the text of their link. Without secrets, in the notes' order."""
    found: dict[str, dict[str, None]] = {}
    for text in _note_texts(document):
        named = [(link[1], link[2]) for link in _LINK.finditer(text)]
        named += [("", match[0].rstrip(".,;:!?")) for match in _URL.finditer(text)]
        for label, url in named:
            address = without_secrets(url)
            for name in (_last_part(url), posix_name(label.strip(" `*_"))):
                base = PurePosixPath(name).name.lower()
                if base and address:
                    found.setdefault(base, {})[address] = None
    return {name: tuple(urls)[:MAX_HINTS] for name, urls in found.items()}


def _last_part(url: str) -> str:
    try:
        return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    except ValueError:
        return ""


def _note_texts(document: WorkflowDocument) -> Iterator[str]:
    room = _MAX_TEXT
    graphs = [document.ui, *definitions_of(document.ui).values()] if document.ui else []
    for graph in graphs:
        nodes = graph.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            values = node.get("widgets_values") if isinstance(node, dict) else None
            if not isinstance(values, list | dict) or str(node.get("type")) not in NOTES:
                continue
            for value in values.values() if isinstance(values, dict) else values:
                if isinstance(value, str) and room > 0:
                    yield value[:room]
                    room -= len(value)
