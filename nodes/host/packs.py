"""Which node pack each node type of this server is from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import comfyui_version
import folder_paths

import nodes

from ...satchel.pack_folders import read_pack_folder
from ...satchel.workflow.node_pack import NodePack
from ...satchel.workflow.node_packs import CORE


@cache
def node_packs() -> dict[str, NodePack]:
    """Packs by node type, ComfyUI itself included; types whose pack says nothing are left out.

    Read once: packs change only when the server starts again.
    """
    core = NodePack(CORE, version=comfyui_version.__version__)
    known = {name: _pack(folder) for name, folder in _pack_folders().items()}
    found: dict[str, NodePack] = {}
    for class_type, node in nodes.NODE_CLASS_MAPPINGS.items():
        parent, _, name = getattr(node, "RELATIVE_PYTHON_MODULE", "nodes").partition(".")
        pack = known.get(name) if parent == "custom_nodes" else core
        if pack is not None:
            found[class_type] = pack
    return found


def output_types() -> frozenset[str]:
    """Types of nodes that a run is for."""
    mappings = nodes.NODE_CLASS_MAPPINGS.items()
    return frozenset(name for name, node in mappings if getattr(node, "OUTPUT_NODE", False) is True)


def _pack_folders() -> dict[str, Path]:
    """Folders of custom nodes by the name that the host gives their modules."""
    return {
        nodes.get_module_name(str(folder)): folder
        for root in folder_paths.get_folder_paths("custom_nodes")
        if Path(root).is_dir()
        for folder in sorted(Path(root).iterdir())
        if folder.is_dir()
    }


def _pack(folder: Path) -> NodePack | None:
    told = read_pack_folder(folder)
    if not (told.registry_id or told.repository):
        return None
    elsewhere = "" if told.registry_id or told.github else told.repository
    return NodePack(told.registry_id, told.github, elsewhere, told.version, told.commit)
