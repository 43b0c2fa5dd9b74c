"""Graphs that nobody saved are read for models, or refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.graphs import SUBGRAPH_ID, embedded, stack_values, ui_graph, ui_node
from support.places import names, promoted

from satchel.errors import SatchelError
from satchel.workflow.collect import locked_models
from satchel.workflow.documents import read_json
from satchel.workflow.export import export
from satchel.workflow.lock import Lock, LockedModel

MALFORMED = [
    ui_node(1, "VAELoader"),
    ui_node(1, "VAELoader", []),
    ui_node(1, "VAELoader", [None]),
    ui_node(1, "VAELoader", [7]),
    ui_node(1, "VAELoader", "a.safetensors"),
    ui_node(1, "VAELoader", ["a.safetensors"], inputs=None),
    ui_node(1, "VAELoader", ["a.safetensors"], inputs=[None, {"widget": None}, {"widget": {}}, 3]),
    ui_node(1, "VAELoader", ["a.safetensors"], inputs={"0": 1}),
    ui_node(1, "Custom", ["a.safetensors"], properties=None),
    ui_node(1, "Custom", ["a.safetensors"], properties=[]),
    ui_node(1, "Custom", ["a.safetensors"], properties={"models": {}}),
    ui_node(1, "Custom", ["a.safetensors"], properties={"models": [None, 1, {"directory": 3}]}),
    {"type": None, "widgets_values": ["a.safetensors"]},
    {"type": ["x"], "id": {}, "widgets_values": {"1": ["a.safetensors"]}},
    {"type": {}},
]


@pytest.mark.parametrize("node", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_nodes_are_survived(node: dict[str, Any]):
    good = ui_node(2, "LoraLoader", ["good.safetensors"])

    assert set(names(ui_graph(node, good))) - {"a.safetensors"} == {"good.safetensors"}


@pytest.mark.parametrize(
    "definitions",
    [None, [], {"subgraphs": None}, {"subgraphs": [None, 3, {}]},
     {"subgraphs": [{"id": SUBGRAPH_ID}]}, {"subgraphs": [{"id": SUBGRAPH_ID, "nodes": {}}]},
     {"subgraphs": [{"id": SUBGRAPH_ID, "nodes": [None, {}, "x"], "definitions": 3}]},
     {"subgraphs": [{"id": SUBGRAPH_ID, "nodes": [], "links": [None, [1], {"origin_id": -10}],
                     "inputs": [None, {}]}]}],
)  # fmt: skip
def test_malformed_definitions_are_survived(definitions: Any):
    nodes = [ui_node(1, SUBGRAPH_ID), ui_node(2, "VAELoader", ["good.safetensors"])]

    assert names(ui_graph(*nodes, definitions=definitions)) == ["good.safetensors"]


def replaced(value: Any, path: list[int], new: Any) -> Any:
    """A copy of a JSON value with one part, found by a path of numbers, replaced."""
    if not path or not value or not isinstance(value, dict | list):
        return new
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[key] = replaced(value[key], path[1:], new)
    return copied


odd_values = st.recursive(
    st.none() | st.booleans() | st.integers(-11, 600) | st.sampled_from(["a.sft", "", SUBGRAPH_ID]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "name", "nodes", "url"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=9), odd_values), max_size=4))
def test_whatever_is_inside_a_graph_is_read_and_exported_or_refused(changes: list[Any]):
    graph = promoted([0.5, "outer.sft", "outer-vae.sft"])
    graph["nodes"].append(
        ui_node(1, "SatchelLoraStack", stack_values("a.sft"), **embedded("a.sft"))
    )
    for path, new in changes:
        graph = replaced(graph, path, new)

    with contextlib.suppress(SatchelError):
        document = read_json(graph, "x.json")
        models = [locked.identity for locked in locked_models(document)]
        export(document, Lock(tuple(LockedModel(identity) for identity in models)))


def test_values_nested_very_deeply_are_not_followed():
    nested: Any = "a.safetensors"
    for _ in range(50):
        nested = [nested]

    assert names(ui_graph(ui_node(1, "Custom", [nested]))) == []
