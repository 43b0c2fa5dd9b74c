"""ComfyUI's own templates: what they say about their models in `properties.models`, Satchel finds
from the nodes alone."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from satchel.workflow.collect import named_models
from satchel.workflow.documents import read_json
from satchel.workflow.place import embedded_models
from satchel.workflow.subgraphs import definitions_of

PACKAGES = "comfyui_workflow_templates"
TEMPLATES, WITH_ENTRIES, ENTRIES = 493, 228, 1076
"""Counted in release 0.11.27, which ComfyUI 0.30.0 requires."""


@pytest.fixture(scope="module")
def templates() -> dict[str, dict[str, Any]]:
    spec = importlib.util.find_spec(PACKAGES)
    if spec is None or spec.origin is None:
        pytest.skip("the host's Python has the templates")
    site = Path(spec.origin).parents[1]
    graphs = {}
    for path in sorted(site.glob(f"{PACKAGES}*/**/*.json")):
        value = json.loads(path.read_text("utf-8"))
        if isinstance(value, dict) and "nodes" in value:
            graphs[path.stem] = value
    return graphs


def entries(graph: dict[str, Any]) -> set[tuple[str, str]]:
    """(directory, name) of every entry, those in subgraph definitions included."""
    return {(entry["directory"], entry["name"]) for entry in all_entries(graph)}


def all_entries(graph: dict[str, Any]) -> list[dict[str, Any]]:
    graphs = [graph, *definitions_of(graph).values()]
    return [entry for g in graphs for node in g["nodes"] for entry in embedded_models(node)]


def without_entries(graph: dict[str, Any]) -> dict[str, Any]:
    bare = copy.deepcopy(graph)
    for part in (bare, *definitions_of(bare).values()):
        for node in part["nodes"]:
            node.get("properties", {}).pop("models", None)
    return bare


def test_these_are_the_templates_that_were_counted(templates: dict[str, dict[str, Any]]):
    counts = [len(all_entries(graph)) for graph in templates.values()]

    assert (len(counts), sum(map(bool, counts)), sum(counts)) == (TEMPLATES, WITH_ENTRIES, ENTRIES)


def test_every_model_is_named_from_the_nodes_alone(templates: dict[str, dict[str, Any]]):
    missed = {}
    for name, graph in templates.items():
        named = {(m.kind, m.name) for m in named_models(read_json(without_entries(graph), name))}
        missed[name] = entries(graph) - named

    assert {name: lost for name, lost in missed.items() if lost} == {}


def test_nothing_is_named_that_is_no_model(templates: dict[str, dict[str, Any]]):
    known = {name for graph in templates.values() for _, name in entries(graph)}
    more = {
        model.name
        for name, graph in templates.items()
        for model in named_models(read_json(without_entries(graph), name))
        if model.name not in known
    }

    # A model that this template links in a note and forgot in its entries.
    assert more == {"mage_flow_turbo_int8_convrot.safetensors"}


def test_what_the_entries_forgot_is_the_value_that_counts(templates: dict[str, dict[str, Any]]):
    graph = without_entries(templates["image_mage_flow_turbo_t2i_int8"])

    needed = {m.name: m.needed for m in named_models(read_json(graph, "g"))}

    assert needed["mage_flow_turbo_int8_convrot.safetensors"] is True
    assert needed["mage_flow_int8_convrot.safetensors"] is False
