"""Where graphs name models, and where they do not."""

from __future__ import annotations

import contextlib
import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.graphs import (
    INNER_SUBGRAPH_ID,
    SUBGRAPH_ID,
    api_graph,
    api_node,
    embedded,
    promoting,
    stack_values,
    subgraph,
    ui_graph,
    ui_node,
)

from satchel.errors import SatchelError, WorkflowFormatError
from satchel.workflow.collect import locked_models
from satchel.workflow.documents import read_json
from satchel.workflow.export import export
from satchel.workflow.loaders import CORE_LOADERS
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.places import api_places, ui_places
from satchel.workflow.widget_names import names_model

LOADERS = sorted(CORE_LOADERS)


def found(graph: dict[str, Any]) -> list[tuple[str, str, str | None, str]]:
    """(node, input, kind, name) of every place of a UI graph whose value counts."""
    return [
        (place.node, place.input, place.kind, place.value)
        for place in ui_places(graph)
        if place.use != "overridden"
    ]


def found_in_api(graph: dict[str, Any]) -> list[tuple[str, str, str | None, str]]:
    return [(place.node, place.input, place.kind, place.value) for place in api_places(graph)]


def names(graph: dict[str, Any]) -> list[str]:
    return [place.value for place in ui_places(graph)]


def file_of(loader_input: str) -> str:
    return f"{loader_input}.safetensors"


@pytest.mark.parametrize("class_type", LOADERS)
def test_core_loaders_are_read_by_position(class_type: str):
    inputs = CORE_LOADERS[class_type]
    values: list[Any] = ["config.yaml", 1.0, "default", "x", "y", "z"]
    for known in inputs:
        values[known.widget] = file_of(known.name)

    expected = [("7", known.name, known.kind, file_of(known.name)) for known in inputs]
    assert found(ui_graph(ui_node(7, class_type, values))) == expected


@pytest.mark.parametrize("class_type", LOADERS)
def test_core_loaders_are_read_by_name(class_type: str):
    inputs = CORE_LOADERS[class_type]
    values = {"other": "other.safetensors"} | {known.name: file_of(known.name) for known in inputs}
    expected = [("1", known.name, known.kind, file_of(known.name)) for known in inputs]

    assert found(ui_graph(ui_node(1, class_type, values))) == expected
    in_api = found_in_api(api_graph(api_node(class_type, **values)))
    assert sorted(in_api) == sorted(expected)


@pytest.mark.parametrize("class_type", LOADERS)
def test_linked_widgets_are_skipped(class_type: str):
    inputs = CORE_LOADERS[class_type]
    values = ["x.safetensors"] * 6
    slots = [{"name": i.name, "widget": {"name": i.name}, "link": 4} for i in inputs]
    node = ui_node(1, class_type, values, inputs=slots)

    assert found(ui_graph(node)) == []
    node["inputs"] = [{**slot, "link": None} for slot in slots]
    assert len(found(ui_graph(node))) == len(inputs)
    linked = {known.name: ["4", 0] for known in inputs}
    assert found_in_api(api_graph(api_node(class_type, **linked))) == []


def test_rows_of_the_stack_are_positional_in_the_ui_and_numbered_in_the_api():
    graph = ui_graph(ui_node(3, "SatchelLoraStack", stack_values("a.safetensors", "b\\c.sft")))
    rows = {"lora_7": "a.safetensors", "on_7": True, "lora_2": "b.sft", "lora_x": "c.sft"}
    api = api_graph(api_node("SatchelLoraStack", **rows))

    assert found(graph) == [
        ("3", "lora_1", "loras", "a.safetensors"),
        ("3", "lora_2", "loras", "b\\c.sft"),
    ]
    assert [row[1:] for row in found_in_api(api) if row[2]] == [
        ("lora_7", "loras", "a.safetensors"),
        ("lora_2", "loras", "b.sft"),
    ]


def test_stack_rows_with_steps_and_skipping_are_longer():
    values = [
        *(True, "a.safetensors", 1.0, 1.0, "", 0.2, 1.0, "skip"),
        *(False, "b.sft", 1.0, 1.0, "", "stop"),
        *(True, "c.sft", 1.0, 1.0, ""),
    ]

    assert found(ui_graph(ui_node(3, "SatchelLoraStack", values))) == [
        ("3", "lora_1", "loras", "a.safetensors"),
        ("3", "lora_2", "loras", "b.sft"),
        ("3", "lora_3", "loras", "c.sft"),
    ]


def test_a_half_written_stack_row_is_no_place():
    values = [*stack_values("a.safetensors"), True]

    assert names(ui_graph(ui_node(3, "SatchelLoraStack", values))) == ["a.safetensors"]


def test_rows_that_other_packs_nest_in_objects_are_found():
    rows = [
        {"on": True, "lora": "style/a.safetensors", "strength": 1, "strengthTwo": None},
        {"on": False, "lora": "None", "strength": 1},
        {"on": False, "lora": "b.safetensors", "strength": 0.5},
    ]
    power_lora = ui_node(5, "Power Lora Loader (rgthree)", [{}, {"type": "header"}, *rows, {}, ""])
    by_api = api_graph(api_node("Power Lora Loader (rgthree)", lora_1=rows[0], lora_2=rows[2]))
    wrapped = api_graph(api_node("Other", rows={"__value__": [["c.safetensors", 1.0]]}))

    assert names(ui_graph(power_lora)) == ["style/a.safetensors", "b.safetensors"]
    assert [row[3] for row in found_in_api(by_api)] == ["style/a.safetensors", "b.safetensors"]
    assert [row[3] for row in found_in_api(wrapped)] == ["c.safetensors"]


@pytest.mark.parametrize(
    "value",
    ["a.safetensors", "A.SAFETENSORS", "sub/a.ckpt", "sub\\a.pt", "a.gguf", "a b (v1.0).sft",
     "墨絵.safetensors", "..\\..\\a.safetensors", "a.b.c.pth"],
)  # fmt: skip
def test_what_looks_like_a_model(value: str):
    assert names_model(value)


@pytest.mark.parametrize(
    "value",
    ["", "None", "none", "euler", "a.png", "a.safetensors.txt", ".safetensors", " .safetensors",
     "https://example.com/a.safetensors", "hf://owner/repo/a.safetensors",
     "a photo\nof a.safetensors", "x" * 600 + ".safetensors", "a cat, <lora:ink:0.8>"],
)  # fmt: skip
def test_what_does_not_look_like_a_model(value: str):
    assert not names_model(value)


@pytest.mark.parametrize("class_type", ["Note", "MarkdownNote"])
def test_notes_name_no_models(class_type: str):
    note = ui_node(1, class_type, ["Get ink.safetensors"])

    assert found(ui_graph(note)) == []


@pytest.mark.parametrize("mode", [0, 2, 4])
def test_muted_and_bypassed_nodes_count(mode: int):
    assert names(ui_graph(ui_node(1, "VAELoader", ["a.safetensors"], mode=mode))) == [
        "a.safetensors"
    ]


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


def promoted(values: Any, **instance: Any) -> dict[str, Any]:
    """A graph whose subgraph shows a LoRA's strength, the LoRA and a VAE outside."""
    lora = ui_node(3, "LoraLoader", ["inner.sft", 1.0, 1.0])
    vae = ui_node(4, "VAELoader", ["inner-vae.sft"])
    definition = promoting(
        subgraph(lora, vae), (lora, "strength_model"), (lora, "lora_name"), (vae, "vae_name")
    )
    return ui_graph(ui_node(10, SUBGRAPH_ID, values, **instance), subgraphs=[definition])


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


def test_an_unknown_node_takes_its_folder_from_what_is_embedded():
    node = ui_node(1, "Custom", ["a.safetensors", "b.safetensors"], **embedded("a.safetensors"))

    assert [row[2:] for row in found(ui_graph(node))] == [
        ("loras", "a.safetensors"),
        (None, "b.safetensors"),
    ]


@pytest.mark.parametrize(("old", "kind"), [("unet", "diffusion_models"), ("clip", "text_encoders")])
def test_folders_embedded_under_their_old_names_are_understood(old: str, kind: str):
    node = ui_node(1, "Custom", ["a.sft"], **embedded("a.sft", directory=old))

    assert [row[2] for row in found(ui_graph(node))] == [kind]


def test_a_core_loader_knows_its_folder_better_than_what_is_embedded():
    node = ui_node(1, "VAELoader", ["a.safetensors"], **embedded("a.safetensors"))

    assert [row[2] for row in found(ui_graph(node))] == ["vae"]


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


def test_setting_a_place_changes_that_value_and_nothing_else():
    graph = ui_graph(ui_node(1, "LoraLoader", ["a.safetensors", 1.0, 0.5]))
    before = copy.deepcopy(graph)

    next(ui_places(graph)).set("b.safetensors")

    assert graph["nodes"][0]["widgets_values"] == ["b.safetensors", 1.0, 0.5]
    graph["nodes"][0]["widgets_values"][0] = "a.safetensors"
    assert graph == before
