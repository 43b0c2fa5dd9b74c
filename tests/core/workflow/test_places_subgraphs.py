"""Where subgraphs name models, inside and outside."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from support.graphs import INNER_SUBGRAPH_ID, SUBGRAPH_ID, promoting, subgraph, ui_graph, ui_node
from support.places import found, promoted

from satchel.errors import WorkflowFormatError


def test_nodes_inside_subgraphs_are_found_once_per_instance():
    inner = subgraph(ui_node(3, "LoraLoader", ["in.safetensors"]), definition_id=INNER_SUBGRAPH_ID)
    outer = subgraph(
        ui_node(1, INNER_SUBGRAPH_ID), ui_node(2, "VAELoader", ["v.safetensors"]), inner=[inner]
    )
    graph = ui_graph(ui_node(10, SUBGRAPH_ID), ui_node(11, SUBGRAPH_ID), subgraphs=[outer])

    assert found(graph) == [
        ("10:1:3", "lora_name", "loras", "in.safetensors"),
        ("10:2", "vae_name", "vae", "v.safetensors"),
        ("11:1:3", "lora_name", "loras", "in.safetensors"),
        ("11:2", "vae_name", "vae", "v.safetensors"),
    ]


def test_a_definition_that_nobody_instances_names_nothing():
    unused = subgraph(ui_node(3, "LoraLoader", ["in.safetensors"]))

    assert found(ui_graph(ui_node(1, "VAELoader", ["v.safetensors"]), subgraphs=[unused])) == [
        ("1", "vae_name", "vae", "v.safetensors")
    ]


INNER = [("10:3", "lora_name", "loras", "inner.sft"), ("10:4", "vae_name", "vae", "inner-vae.sft")]


def test_values_of_a_subgraph_node_go_before_those_inside():
    assert found(promoted([0.5, "outer.sft", "outer-vae.sft"])) == [
        ("10", "lora_name", "loras", "outer.sft"),
        ("10", "vae_name", "vae", "outer-vae.sft"),
    ]


def test_values_inside_that_are_the_same_outside_count_too():
    assert found(promoted([0.5, "inner.sft", "outer-vae.sft"])) == [
        ("10:3", "lora_name", "loras", "inner.sft"),
        ("10", "lora_name", "loras", "inner.sft"),
        ("10", "vae_name", "vae", "outer-vae.sft"),
    ]


@pytest.mark.parametrize("values", [[], None, {}])
def test_values_inside_count_when_the_subgraph_node_has_none(values: Any):
    assert found(promoted(values)) == INNER


def test_values_that_do_not_fit_the_definition_are_taken_for_what_they_look_like():
    assert found(promoted(["outer.sft"])) == [*INNER, ("10", "0", None, "outer.sft")]


def test_a_subgraph_nodes_input_that_is_linked_names_nothing():
    slot = {"name": "lora_name", "widget": {"name": "lora_name"}, "link": 7}

    for values in ([0.5, "outer.sft", "outer-vae.sft"], []):
        graph = promoted(values, inputs=[slot])
        assert not [row for row in found(graph) if row[2] == "loras"]
        assert len(found(graph)) == 1


def test_two_nodes_of_one_subgraph_may_have_values_of_their_own():
    graph = promoted([0.5, "a.sft", "v.sft"])
    graph["nodes"].append(ui_node(11, SUBGRAPH_ID, [0.5, "b.sft", "v.sft"]))

    assert [row[:4] for row in found(graph) if row[2] == "loras"] == [
        ("10", "lora_name", "loras", "a.sft"),
        ("11", "lora_name", "loras", "b.sft"),
    ]


@pytest.mark.parametrize(
    ("outer_values", "middle_values", "expected"),
    [
        (["outer.sft"], ["middle.sft"], [("10", "outer.sft")]),
        ([], ["middle.sft"], [("10:5", "middle.sft")]),
        ([], [], [("10:5:3", "inner.sft")]),
        (["inner.sft"], [], [("10:5:3", "inner.sft"), ("10", "inner.sft")]),
    ],
)
def test_a_widget_that_is_shown_through_two_subgraphs(
    outer_values: list[str], middle_values: list[str], expected: list[tuple[str, str]]
):
    lora = ui_node(3, "LoraLoader", ["inner.sft", 1.0, 1.0])
    inner = promoting(subgraph(lora, definition_id=INNER_SUBGRAPH_ID), (lora, "lora_name"))
    middle = ui_node(5, INNER_SUBGRAPH_ID, middle_values)
    outer = promoting(subgraph(middle, inner=[inner]), (middle, "lora_name"))
    graph = ui_graph(ui_node(10, SUBGRAPH_ID, outer_values), subgraphs=[outer])

    assert found(graph) == [(node, "lora_name", "loras", name) for node, name in expected]


def test_a_definition_that_contains_itself_ends():
    copies = [ui_node(number, SUBGRAPH_ID) for number in range(50)]
    definition = subgraph(ui_node(99, "VAELoader", ["v.safetensors"]), *copies)
    graph = ui_graph(ui_node(1, SUBGRAPH_ID), subgraphs=[definition])

    assert found(graph) == [("1:99", "vae_name", "vae", "v.safetensors")]


@pytest.mark.parametrize(("levels", "instances"), [(7, 40), (2000, 1)])
def test_definitions_that_multiply_without_end_are_refused(levels: int, instances: int):
    ids = [f"id-{level}" for level in range(levels)]
    definitions = [
        subgraph(*(ui_node(n, below) for n in range(instances)), definition_id=own)
        for own, below in itertools.pairwise(ids)
    ]
    graph = ui_graph(ui_node(1, ids[0]), subgraphs=definitions)

    with pytest.raises(WorkflowFormatError, match="too many nodes"):
        found(graph)
