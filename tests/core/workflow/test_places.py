"""Where graphs name models, and where they do not."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.graphs import api_graph, api_node, embedded, stack_values, ui_graph, ui_node
from support.places import found, found_in_api, names

from satchel.workflow.loaders import CORE_LOADERS
from satchel.workflow.places import ui_places
from satchel.workflow.widget_names import names_model

LOADERS = sorted(CORE_LOADERS)


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


def test_setting_a_place_changes_that_value_and_nothing_else():
    graph = ui_graph(ui_node(1, "LoraLoader", ["a.safetensors", 1.0, 0.5]))
    before = copy.deepcopy(graph)

    next(ui_places(graph)).set("b.safetensors")

    assert graph["nodes"][0]["widgets_values"] == ["b.safetensors", 1.0, 0.5]
    graph["nodes"][0]["widgets_values"][0] = "a.safetensors"
    assert graph == before
