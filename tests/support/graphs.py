"""Graphs as ComfyUI saves them, and PNG files that carry them, built from what a test is about."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]

SUBGRAPH_ID = "6b1f9a52-6a42-4a3b-8d0e-1f5a0b6f0c11"
INNER_SUBGRAPH_ID = "0c4be1e5-8c54-4d36-9a07-5c6b0a7c2d22"


def ui_node(node_id: int | str, class_type: str, values: Any = None, **fields: Any) -> Json:
    """A node of a UI graph; `values` are its `widgets_values`."""
    node: Json = {
        "id": node_id,
        "type": class_type,
        "pos": [100, 200],
        "size": [300, 100],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {"Node name for S&R": class_type},
    }
    if values is not None:
        node["widgets_values"] = values
    return {**node, **fields}


def ui_graph(*nodes: Json, subgraphs: Iterable[Json] = (), **fields: Any) -> Json:
    """A UI graph of schema 0.4, as the web UI writes it."""
    graph: Json = {
        "id": "7e0f2f0e-0000-4000-8000-000000000001",
        "revision": 0,
        "last_node_id": len(nodes),
        "last_link_id": 0,
        "nodes": list(nodes),
        "links": [],
        "groups": [],
        "config": {},
        "extra": {"frontendVersion": "1.47.12"},
        "version": 0.4,
    }
    definitions = list(subgraphs)
    if definitions:
        graph["definitions"] = {"subgraphs": definitions}
    return {**graph, **fields}


def ui_graph_1_0(*nodes: Json, **fields: Any) -> Json:
    """A UI graph of schema 1.0: `version` 1, links as objects."""
    link = {
        "id": 1, "origin_id": 1, "origin_slot": 0, "target_id": 2, "target_slot": 0, "type": "VAE"
    }  # fmt: skip
    return {
        "version": 1,
        "state": {"lastGroupId": 0, "lastNodeId": 2, "lastLinkId": 1, "lastRerouteId": 0},
        "nodes": list(nodes),
        "links": [link],
        "reroutes": [],
        **fields,
    }


def subgraph(*nodes: Json, definition_id: str = SUBGRAPH_ID, inner: Iterable[Json] = ()) -> Json:
    """A subgraph definition; an instance is a node whose type is its id."""
    nested = list(inner)
    definition: Json = {"id": definition_id, "revision": 0, "name": "Style", "nodes": list(nodes)}
    if nested:
        definition["definitions"] = {"subgraphs": nested}
    return definition


def promoting(definition: Json, *widgets: tuple[Json, str]) -> Json:
    """The definition with (node, widget name) shown outside, one input each, in that order."""
    inputs, links = [], []
    for slot, (node, name) in enumerate(widgets):
        link_id = 500 + slot
        node["inputs"].append({"name": name, "widget": {"name": name}, "link": link_id})
        inputs.append({"id": f"input-{slot}", "name": name, "type": "COMBO", "linkIds": [link_id]})
        links.append(
            {
                "id": link_id, "origin_id": -10, "origin_slot": slot, "target_id": node["id"],
                "target_slot": len(node["inputs"]) - 1, "type": "COMBO",
            }
        )  # fmt: skip
    return {**definition, "inputs": inputs, "links": links}


def stack_values(*names: str) -> list[Any]:
    """`widgets_values` of a LoRA Stack with one row per name."""
    return [value for name in names for value in (True, name, 1.0, 1.0, "")]


def api_node(class_type: str, **inputs: Any) -> Json:
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": class_type}}


def api_graph(*nodes: Json) -> Json:
    """An API graph with ids `1`, `2`, ..."""
    return {str(number): node for number, node in enumerate(nodes, 1)}


def embedded(name: str, url: str = "https://example.com/model", **fields: Any) -> Json:
    """The `properties` of a node that somebody already embedded a model in."""
    entry = {"name": name, "url": url, "directory": "loras", **fields}
    return {"properties": {"models": [entry]}}


def chunk(kind: bytes, data: bytes) -> bytes:
    """One PNG chunk, with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def text_chunk(keyword: str, text: str) -> bytes:
    return chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("utf-8"))


def png_image(*extra: bytes, texts: Mapping[str, Any] | None = None, side: int = 8) -> bytes:
    """A grey-scale PNG with a gradient, `extra` chunks and JSON `texts` before its pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(side)) for y in range(side))
    pixels = zlib.compress(rows)
    half = len(pixels) // 2
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            *extra,
            *(text_chunk(keyword, json.dumps(value)) for keyword, value in (texts or {}).items()),
            chunk(b"IDAT", pixels[:half]),
            chunk(b"IDAT", pixels[half:]),
            chunk(b"IEND", b""),
        ]
    )
