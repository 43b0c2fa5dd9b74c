"""The table of core loaders, held against the ComfyUI that is installed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.coroutines import run_async

from satchel.folders import KINDS
from satchel.workflow.loaders import CORE_LOADERS

TRAINS = "TrainLoraNode"
"""Its combo names a LoRA to go on training from; a workflow can do without."""

WIDGET_TYPES = ("COMBO", "INT", "FLOAT", "STRING", "BOOLEAN")
Found = dict[str, set[tuple[str, int, str]]]
"""(input, widget position, kind) of every model combo, by node class."""


@pytest.fixture(scope="module")
def core_nodes(pack: ModuleType) -> dict[str, Any]:
    """Every node class that comes with ComfyUI, API nodes excepted: they load no models."""
    import nodes

    failed = run_async(nodes.init_builtin_extra_nodes())
    assert failed == ["nodes_replacements.py"]  # it has no nodes, and wants a running server
    return dict(nodes.NODE_CLASS_MAPPINGS)


@pytest.fixture
def marks(pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """One empty file in each model folder; its name -> the folder's kind."""
    import folder_paths

    found = {}
    for kind in KINDS:
        _, extensions = folder_paths.folder_names_and_paths[kind]
        suffix = ".safetensors" if ".safetensors" in extensions else next(iter(extensions), ".sft")
        folder = tmp_path / kind
        folder.mkdir()
        (folder / f"marked-{kind}{suffix}").touch()
        found[f"marked-{kind}{suffix}"] = kind
        monkeypatch.setitem(folder_paths.folder_names_and_paths, kind, ([str(folder)], extensions))
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return found


def model_combos(node: Any, marks: dict[str, str]) -> set[tuple[str, int, str]]:
    """The node's combos that offer a marked file."""
    found, position = set(), 0
    inputs = node.INPUT_TYPES()
    for name, declared in [
        *inputs.get("required", {}).items(),
        *inputs.get("optional", {}).items(),
    ]:
        kind, options = declared[0], declared[1] if len(declared) > 1 else {}
        if isinstance(kind, list):
            kind, choices = "COMBO", kind
        else:
            choices = options.get("options") or []
        if kind not in WIDGET_TYPES or options.get("forceInput"):
            continue
        kinds = {marks[choice] for choice in choices if choice in marks}
        found |= {(name, position, kind) for kind in kinds}
        position += 2 if options.get("control_after_generate") else 1
    return found


@pytest.fixture
def found(core_nodes: dict[str, Any], marks: dict[str, str]) -> Found:
    combos = {name: model_combos(node, marks) for name, node in core_nodes.items()}
    return {name: inputs for name, inputs in combos.items() if inputs}


def test_every_loader_of_the_table_is_as_the_host_has_it(found: Found):
    table = {
        name: {(known.name, known.widget, known.kind) for known in inputs}
        for name, inputs in CORE_LOADERS.items()
    }

    assert {name: found.get(name) for name in table} == table


def test_no_core_node_with_a_model_combo_is_missing_from_the_table(found: Found):
    assert set(found) - set(CORE_LOADERS) == {TRAINS}


def test_every_kind_of_model_folder_of_the_host_is_known(pack: ModuleType):
    import folder_paths

    others = {"configs", "custom_nodes", "datasets"}

    assert set(folder_paths.folder_names_and_paths) - others == set(KINDS)
