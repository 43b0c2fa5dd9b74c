"""Node packs: which ones a workflow needs, which are here, and how to get the others.

The stock frontend and ComfyUI-Manager know `properties.cnr_id` (the registry's id), `aux_id`
(`owner/name` on GitHub) and `ver` (a version, or a commit) of a node.

Nothing here installs anything: code of strangers is the user's own decision. What is printed is the
command of ComfyUI-Manager's `comfy` or of git.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..pack_folders import PackFolder, public_repository, read_pack_folder
from .documents import WorkflowDocument
from .loaders import NOTES
from .node_pack import NodePack
from .subgraphs import definitions_of

CORE = "comfy-core"
"""ComfyUI's own id in the registry."""
CNR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
AUX_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}/(?!\.\.?\Z)[A-Za-z0-9._-]{1,100}\Z")
COMMIT = re.compile(r"[0-9a-f]{4,40}\Z")
_VERSION = re.compile(r"[0-9]{1,10}(?:\.[0-9A-Za-z+-]{1,30}){0,6}\Z")
_REPOSITORY = re.compile(r"https://[a-z0-9.-]+(?:/[A-Za-z0-9_~][A-Za-z0-9._~-]*)+\Z")
FRONTEND_ONLY = NOTES | {"PrimitiveNode", "Reroute"}
"""Nodes that the stock frontend has by itself."""

PackState = Literal["installed", "other_version", "missing"]


# --- what a workflow needs -------------------------------------------------------------------


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


def packs_of(document: WorkflowDocument) -> tuple[NodePack, ...]:
    """The packs that a document names: its lock's as far as nodes still need them, and those that
    its nodes remember. A malformed id, version or address counts as unknown."""
    locked = document.lock.node_packs if document.lock is not None else ()
    if document.ui is None and document.api is None:
        named: Iterable[NodePack] = locked
    else:
        # The lock says what its author ran; a node may remember an older version.
        named = named_packs(document, {name: pack for pack in locked for name in pack.node_types})
    well_formed = map(_well_formed, named)
    return tuple(pack for pack in well_formed if any(pack.key) and pack.cnr_id != CORE)


def _well_formed(pack: NodePack) -> NodePack:
    """What of a pack may be shown in a command that people copy."""
    is_version, is_commit = _VERSION.match(pack.version), COMMIT.match(pack.commit)
    return replace(
        pack,
        cnr_id=pack.cnr_id if CNR_ID.match(pack.cnr_id) else "",
        aux_id=pack.aux_id if AUX_ID.match(pack.aux_id) else "",
        repository=_repository(pack.repository),
        version=pack.version if is_version else "",
        commit=pack.commit if is_commit else "",
    )


def _repository(address: str) -> str:
    public = public_repository(address)
    return public if _REPOSITORY.match(public) else ""


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
            if isinstance(node, dict) and "type" in node and str(node["type"]) not in definitions:
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


# --- what is here ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A folder of custom nodes here."""

    folder: str
    told: PackFolder

    def is_same(self, pack: NodePack) -> bool:
        """Whether it is that pack, of whichever version; the registry installs into its id."""
        here = self.told.repository.lower()
        if here and here == pack.address.lower():
            return True
        ids = (self.told.registry_id.lower(), self.folder.lower())
        return bool(pack.cnr_id) and pack.cnr_id.lower() in ids

    def has_version_of(self, pack: NodePack) -> bool:
        """Whether it is at that commit or version, as far as both are known; a commit may be cut
        short."""
        if pack.commit and self.told.commit:
            return self.told.commit.startswith(pack.commit)
        if pack.version and self.told.version:
            return pack.version == self.told.version.removeprefix("v")
        return True


@dataclass(frozen=True, slots=True)
class PlannedPack:
    """One pack and whether it is here."""

    pack: NodePack
    state: PackState
    installed: InstalledPack | None = None

    @property
    def command(self) -> str:
        """What fetches it, for a person to run; empty when it is here."""
        pack = self.pack
        if self.state == "installed":
            return ""
        if pack.cnr_id:
            at = f"@{pack.version}" if pack.version else ""
            return f"comfy node install {shlex.quote(pack.cnr_id + at)}"
        clone = f"git clone {shlex.quote(pack.address)}"
        if not pack.commit:
            return clone
        folder = pack.address.rpartition("/")[2]
        return f"{clone} && git -C {shlex.quote(folder)} checkout {pack.commit}"

    @property
    def here(self) -> str:
        """The version that is installed, else its commit."""
        told = self.installed.told if self.installed is not None else PackFolder()
        return told.version or told.commit

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.pack.cnr_id or None,
            "repository": self.pack.address.removeprefix("https://") or None,
            "version": self.pack.version or self.pack.commit or None,
            "node_types": list(self.pack.node_types),
            "state": self.state,
            "folder": self.installed.folder if self.installed else None,
            "installed_version": self.here or None,
            "command": self.command or None,
        }


def plan_packs(
    document: WorkflowDocument, folders: Iterable[Path] | None
) -> tuple[PlannedPack, ...]:
    """Compares a document's packs with the `custom_nodes` folders.

    Args:
        folders: None where nobody knows them: then nothing is said about packs.
    """
    wanted = packs_of(document) if folders is not None else ()
    if not wanted or folders is None:
        return ()
    here = list(installed_packs(folders))
    return tuple(_planned(pack, here) for pack in wanted)


def _planned(pack: NodePack, here: Iterable[InstalledPack]) -> PlannedPack:
    found = next((installed for installed in here if installed.is_same(pack)), None)
    if found is None:
        return PlannedPack(pack, "missing")
    state: PackState = "installed" if found.has_version_of(pack) else "other_version"
    return PlannedPack(pack, state, found)


def installed_packs(folders: Iterable[Path]) -> Iterator[InstalledPack]:
    """The packs in `custom_nodes` folders; `NAME.disabled` and files do not count."""
    for root in folders:
        try:
            entries = sorted(root.iterdir())
        except OSError:
            continue
        for path in entries:
            off = path.name.startswith((".", "_")) or path.name.endswith(".disabled")
            if path.is_dir() and not off:
                yield InstalledPack(path.name, read_pack_folder(path))
