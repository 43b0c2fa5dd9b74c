"""Which node packs a workflow needs, as nodes, the lock and the installed folders say it.

The stock frontend and ComfyUI-Manager know `properties.cnr_id` (the registry's id), `aux_id`
(`owner/name` on GitHub) and `ver` (a version, or a commit) of a node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .documents import WorkflowDocument
from .loaders import NOTES
from .node_pack import NodePack
from .subgraphs import definitions_of

CORE = "comfy-core"
"""ComfyUI's own id in the registry."""
CNR_ID = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")
AUX_ID = re.compile(r"[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}\Z")
COMMIT = re.compile(r"[0-9a-f]{4,40}\Z")
_VERSION = re.compile(r"[0-9]{1,10}(?:\.[0-9A-Za-z+-]{1,30}){1,6}\Z")
FRONTEND_ONLY = NOTES | {"PrimitiveNode", "Reroute"}
"""Nodes that the stock frontend has by itself."""


def named_packs(
    document: WorkflowDocument, installed: Mapping[str, NodePack], earlier: Iterable[NodePack] = ()
) -> tuple[NodePack, ...]:
    """The packs of a document's nodes, without ComfyUI itself.

    What is installed here is what the author runs, so it counts before what a node remembers, and
    that before an earlier lock.

    Args:
        installed: by node type, ComfyUI's own types included; empty where nothing is known.
    """
    known = {name: pack for pack in earlier for name in pack.node_types}
    found: dict[tuple[str, str, str], NodePack] = {}
    for class_type, properties in _node_types(document).items():
        pack = installed.get(class_type) or _of_properties(properties) or known.get(class_type)
        if pack is None:
            if not installed or class_type in FRONTEND_ONLY:
                continue
            pack = NodePack()
        if pack.cnr_id == CORE:
            continue
        before = found.get(pack.key, replace(pack, node_types=()))
        types = (*before.node_types, class_type)
        found[pack.key] = replace(before, node_types=tuple(dict.fromkeys(types)))
    return tuple(found.values())


def _node_types(document: WorkflowDocument) -> dict[str, Mapping[str, Any]]:
    """Types of nodes, with the properties of the first node that says where it is from."""
    types: dict[str, Mapping[str, Any]] = {}
    for node in nodes_of(document.ui or {}):
        class_type, properties = str(node["type"]), node.get("properties")
        own = properties if isinstance(properties, dict) else {}
        if not _of_properties(types.setdefault(class_type, own)):
            types[class_type] = own
    for node in (document.api or {}).values():
        types.setdefault(node["class_type"], {})
    return types


def nodes_of(graph: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Nodes of a UI graph and of its subgraphs' definitions; no instances of the latter."""
    definitions = definitions_of(dict(graph))
    for one in (graph, *definitions.values()):
        nodes = one.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            if isinstance(node, dict) and "type" in node and node["type"] not in definitions:
                yield node


def _of_properties(properties: Mapping[str, Any]) -> NodePack | None:
    cnr_id, aux_id, ver = (_text(properties, key) for key in ("cnr_id", "aux_id", "ver"))
    cnr_id = cnr_id if CNR_ID.match(cnr_id) else ""
    aux_id = aux_id if AUX_ID.match(aux_id) else ""
    if not cnr_id and not aux_id:
        return None
    ver = ver.removeprefix("v")
    version = ver if _VERSION.match(ver) else ""
    return NodePack(cnr_id, aux_id, "", version, ver if COMMIT.match(ver) else "")


def _text(properties: Mapping[str, Any], key: str) -> str:
    value = properties.get(key)
    return value.strip() if isinstance(value, str) else ""


def complete_properties(graph: dict[str, Any], packs: Mapping[str, NodePack]) -> None:
    """Writes `cnr_id`, `aux_id` and `ver` into nodes that lack them; changes the graph.

    Args:
        packs: by node type.
    """
    for node in nodes_of(graph):
        pack = packs.get(str(node["type"]))
        if pack is None or not (pack.cnr_id or pack.aux_id):
            continue
        properties = node.get("properties")
        own = properties if isinstance(properties, dict) else {}
        if own.get("cnr_id") or own.get("aux_id"):
            key = "cnr_id" if own.get("cnr_id") else "aux_id"
            if pack.ver and not own.get("ver") and own[key] == getattr(pack, key):
                node["properties"] = {**own, "ver": pack.ver}
            continue
        told = {"cnr_id": pack.cnr_id, "aux_id": pack.aux_id, "ver": pack.ver}
        node["properties"] = {**own, **{key: text for key, text in told.items() if text}}
