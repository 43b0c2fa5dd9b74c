"""Embedding a lock: what is written where, and what is left alone."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from support.exports import SCHEMA, SHAS, URL, entries, exported, locked, lora_node, loras_of
from support.graphs import (
    SUBGRAPH_ID,
    api_graph,
    api_node,
    embedded,
    promoting,
    subgraph,
    ui_graph,
    ui_graph_1_0,
    ui_node,
)

from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.export import export
from satchel.workflow.lock import Lock

KEYS = ["name", "url", "hash", "hash_type", "directory"]


@pytest.mark.parametrize("written", ["ink.safetensors", "style/ink.safetensors",
                                     "style\\ink.safetensors"])  # fmt: skip
def test_a_loader_gets_exactly_the_five_keys_and_the_name_of_its_widget(written: str):
    graph = exported(ui_graph(lora_node(written)), locked(written.replace("\\", "/")))

    (node,) = graph["nodes"]
    (entry,) = entries(node)
    assert list(entry) == KEYS
    assert entry == {
        "name": "ink.safetensors", "url": URL, "hash": SHAS[0], "hash_type": "SHA256",
        "directory": "loras",
    }  # fmt: skip
    assert loras_of(node) == [entry["name"]]


def test_every_row_of_a_stack_gets_its_entry():
    models = [locked("a.safetensors"), locked("b.safetensors", SHAS[1])]

    graph = exported(ui_graph(lora_node("a.safetensors", "b.safetensors")), *models)

    assert [entry["hash"] for entry in entries(graph["nodes"][0])] == SHAS


def test_the_lock_is_under_extra_beside_what_was_there():
    extra = {"ds": {"scale": 1.5}, "frontendVersion": "1.47.12"}

    graph = exported(ui_graph(lora_node("ink.safetensors"), extra=extra), locked("ink.safetensors"))

    lock = graph["extra"].pop("satchel")
    assert graph["extra"] == extra
    assert lock["models"][0]["sha256"] == SHAS[0]
    jsonschema.validate(lock, SCHEMA)


@pytest.mark.parametrize("extra", [None, [], "x"])
def test_an_extra_that_is_no_table_is_replaced(extra: Any):
    graph = exported(ui_graph(lora_node("ink.safetensors"), extra=extra), locked("ink.safetensors"))

    assert list(graph["extra"]) == ["satchel"]


def test_nodes_inside_subgraph_definitions_are_embedded_too():
    definition = subgraph(lora_node("style/ink.safetensors"))
    instances = [ui_node(10, SUBGRAPH_ID), ui_node(11, SUBGRAPH_ID)]

    graph = exported(ui_graph(*instances, subgraphs=[definition]), locked("style/ink.safetensors"))

    (node,) = graph["definitions"]["subgraphs"][0]["nodes"]
    assert loras_of(node) == ["ink.safetensors"]
    assert [entry["name"] for entry in entries(node)] == ["ink.safetensors"]


def test_a_widget_that_its_subgraph_shows_is_embedded_on_both_nodes():
    inner = ui_node(3, "LoraLoader", ["style/ink.safetensors", 1.0, 1.0])
    definition = promoting(subgraph(inner), (inner, "lora_name"))
    outer = ui_node(10, SUBGRAPH_ID, ["style/ink.safetensors"])

    graph = exported(ui_graph(outer, subgraphs=[definition]), locked("style/ink.safetensors"))

    for node in (graph["nodes"][0], graph["definitions"]["subgraphs"][0]["nodes"][0]):
        assert node["widgets_values"][0] == "ink.safetensors"
        assert [(e["name"], e["directory"]) for e in entries(node)] == [
            ("ink.safetensors", "loras")
        ]


def test_a_graph_of_schema_1_0_is_exported_too():
    graph = exported(ui_graph_1_0(lora_node("ink.safetensors")), locked("ink.safetensors"))

    assert graph["version"] == 1
    assert graph["extra"]["satchel"]["models"][0]["name"] == "ink.safetensors"


def test_foreign_entries_for_other_names_are_kept_and_those_for_the_same_name_replaced():
    foreign = {"name": "other.safetensors", "url": "https://example.com/o", "directory": "vae"}
    stale = {"name": "ink.safetensors", "url": "https://example.com/old", "directory": "loras"}
    node = lora_node("ink.safetensors", properties={"models": [stale, foreign], "cnr_id": "x"})

    graph = exported(ui_graph(node), locked("ink.safetensors"))

    properties = graph["nodes"][0]["properties"]
    assert properties["cnr_id"] == "x"
    assert [(entry["name"], entry["url"]) for entry in properties["models"]] == [
        ("other.safetensors", "https://example.com/o"),
        ("ink.safetensors", URL),
    ]


def test_a_foreign_entry_follows_its_name_when_the_folder_goes():
    node = lora_node("style/ink.safetensors", **embedded("style/ink.safetensors"))

    graph = exported(ui_graph(node), locked("style/ink.safetensors", reason="Nobody knows it."))

    assert [entry["name"] for entry in entries(graph["nodes"][0])] == ["ink.safetensors"]


@pytest.mark.parametrize("properties", [None, [], "x", {"models": None}, {"models": [None, 3]}])
def test_properties_of_odd_shapes_are_survived(properties: Any):
    node = lora_node("ink.safetensors", properties=properties)

    graph = exported(ui_graph(node), locked("ink.safetensors"))

    assert [entry["name"] for entry in entries(graph["nodes"][0])] == ["ink.safetensors"]


def test_unresolved_models_are_listed_and_get_no_entry():
    models = [
        locked("a.safetensors", None, reason="It is not on this machine, so it was not hashed."),
        locked("b.safetensors", reason="No marketplace knows this file by its SHA256."),
    ]
    document = read_json(ui_graph(lora_node("a.safetensors", "b.safetensors")), "x")

    value = export(document, Lock(tuple(models))).to_json()

    assert value["unresolved"] == [
        {"name": m.identity.name, "directory": "loras", "reason": m.reason} for m in models
    ]
    assert entries(value["graph"]["nodes"][0]) == []
    assert len(value["lock"]["models"]) == 2
    jsonschema.validate(value["lock"], SCHEMA)


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # two files with one name keep their folders
        ([("a/x.safetensors", 0), ("b/x.safetensors", 1)], ["a/x.safetensors", "b/x.safetensors"]),
        ([("x.safetensors", 0), ("b/x.safetensors", 1)], ["x.safetensors", "b/x.safetensors"]),
        # also where the names differ only on systems that tell case apart
        ([("a/X.safetensors", 0), ("b/x.safetensors", 1)], ["a/X.safetensors", "b/x.safetensors"]),
        # one file under two names: only one can have the short one
        ([("a/x.safetensors", 0), ("b/x.safetensors", 0)], ["x.safetensors", "b/x.safetensors"]),
        ([("a/x.safetensors", 0), ("x.safetensors", 0)], ["a/x.safetensors", "x.safetensors"]),
        ([("x.safetensors", 0), ("a/x.safetensors", 0)], ["x.safetensors", "a/x.safetensors"]),
        # others lose them
        ([("a/x.safetensors", 0), ("b/y.safetensors", 1)], ["x.safetensors", "y.safetensors"]),
        # nobody knows whether two absent files are the same
        ([("a/x.sft", None), ("b/x.sft", None)], ["a/x.sft", "b/x.sft"]),
    ],
)
def test_names_lose_their_folders_unless_that_would_mix_two_files(
    before: list[tuple[str, int | None]], after: list[str]
):
    models = [
        locked(name, SHAS[index] if index is not None else None, reason="" if index is not None
               else "It is not here.")
        for name, index in before
    ]  # fmt: skip

    graph = exported(ui_graph(lora_node(*(name for name, _ in before))), *models)

    assert loras_of(graph["nodes"][0]) == after
    assert sorted(m["name"] for m in graph["extra"]["satchel"]["models"]) == sorted(after)


def test_one_name_in_two_kinds_is_no_twin():
    nodes = [lora_node("a/x.safetensors"), ui_node(2, "VAELoader", ["b/x.safetensors"])]
    models = [locked("a/x.safetensors"), locked("b/x.safetensors", SHAS[1], kind="vae")]

    graph = exported(ui_graph(*nodes), *models)

    assert graph["nodes"][1]["widgets_values"] == ["x.safetensors"]
    assert loras_of(graph["nodes"][0]) == ["x.safetensors"]


def test_an_api_graph_gets_the_same_names():
    api = api_graph(api_node("LoraLoader", lora_name="style\\ink.safetensors", strength_model=1.0))

    portable = export(read_json(api, "x"), Lock((locked("style/ink.safetensors"),)))

    assert portable.document.ui is None
    assert portable.document.api == api_graph(
        api_node("LoraLoader", lora_name="ink.safetensors", strength_model=1.0)
    )


def test_a_model_that_the_lock_does_not_have_keeps_its_name():
    graph = exported(ui_graph(lora_node("style/ink.safetensors")))

    assert loras_of(graph["nodes"][0]) == ["style/ink.safetensors"]


# --- what stays as it was ------------------------------------------------------------------------


def rich_graph() -> dict[str, Any]:
    custom = ui_node(
        7, "SomebodysNode", {"text": "日本 <b>", "n": 1e-7, "big": 2**60, "a": [None, True]},
        properties={"aux_id": "somebody/nodes", "ver": "abc", "ns": {"deep": [1, {"x": []}]}},
        title="T", color="#223", bgcolor="#335", unknown={"keep": "me"},
    )  # fmt: skip
    return ui_graph(
        lora_node("style/ink.safetensors"), custom, {"type": "MissingNode", "id": "text-id"},
        subgraphs=[subgraph(ui_node(3, "KSampler", [1, "fixed", 20, 8.0]))],
        links=[[1, 1, 0, 7, 0, "MODEL"]], groups=[{"title": "G", "bounding": [0, 0, 1, 1]}],
        floatingLinks=[], futureKey={"a": [1, 2]},
    )  # fmt: skip


def test_the_document_that_was_handed_in_is_not_modified():
    graph, api = rich_graph(), api_graph(api_node("LoraLoader", lora_name="style/ink.safetensors"))
    before = json.dumps([graph, api])
    document = WorkflowDocument("x", ui=graph, api=api)

    export(document, Lock((locked("style/ink.safetensors"),)))

    assert json.dumps([graph, api]) == before
    assert document.lock is None


def test_everything_but_names_and_embedded_models_stays_byte_for_byte():
    original = rich_graph()

    graph = exported(original, locked("style/ink.safetensors"))

    del graph["extra"]["satchel"]
    del graph["nodes"][0]["properties"]["models"]
    graph["nodes"][0]["widgets_values"][1] = "style/ink.safetensors"
    assert json.dumps(graph) == json.dumps(original)
