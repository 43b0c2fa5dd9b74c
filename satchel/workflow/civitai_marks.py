"""The nodes that `civitai_ready` puts into a queued graph, as they are found in it again."""

from __future__ import annotations

import re
from typing import Any

from .api_values import Json, inputs_of

NODE_ID = re.compile(r"civitai:[1-9][0-9]*\Z")
"""Ids of the nodes that are put in: no numbers, so that they come after all others."""
_TYPES = frozenset({"VAELoader", "LoraLoaderModelOnly", "CheckpointLoaderSimple", "UNETLoader"})


def without_marks(graph: Json) -> Json:
    """The graph without the nodes that were put in for Civitai; the same object if it has none."""
    marks = {key for key, node in graph.items() if _is_mark(key, node)}
    return {key: node for key, node in graph.items() if key not in marks} if marks else graph


def _is_mark(node_id: str, node: Any) -> bool:
    if not NODE_ID.match(node_id) or node.get("class_type") not in _TYPES:
        return False
    return not any(isinstance(value, list) for value in inputs_of(node).values())
