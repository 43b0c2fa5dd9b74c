"""Local names in a copy of a graph: widgets, inputs, embedded models and the lock agree."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.graphs import (
    SUBGRAPH_ID,
    api_graph,
    api_node,
    stack_values,
    subgraph,
    ui_graph,
    ui_node,
)

from satchel.folders import LocalModel
from satchel.identity import ModelIdentity
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.planned import Plan, PlannedModel
from satchel.workflow.rewrite import rewrite

SHA = "0123456789abcdef" * 4


def host(name: str) -> str:
    return name.replace("/", os.sep)


def plan_of(names: dict[str, str | None], kind: str = "loras") -> Plan:
    """A plan in which each model is here under a name, or is not here."""
    entries = []
    for name, local in names.items():
        model = LockedModel(ModelIdentity(kind, name, SHA, 12))
        here = LocalModel(kind, local, Path("x"), 12, 0) if local is not None else None
        entries.append(PlannedModel(model, "renamed" if here else "missing", here))
    return Plan(tuple(entries), 0)


def lock_of(*names: str) -> dict[str, Any]:
    models = [
        {"name": name, "directory": "loras", "sha256": SHA, "used_by": [str(i)], "license": "MIT"}
        for i, name in enumerate(names)
    ]
    return {"version": 1, "models": models, "signed": True}


def stack(*names: str, models: tuple[str, ...] = ()) -> dict[str, Any]:
    entries = [{"name": name, "url": f"https://example.com/{name}"} for name in models]
    return ui_node(1, "SatchelLoraStack", stack_values(*names), properties={"models": entries})


def document_of(*nodes: dict[str, Any], **fields: Any) -> WorkflowDocument:
    return read_json(ui_graph(*nodes, **fields), "x.json")


def first_node(document: WorkflowDocument) -> dict[str, Any]:
    assert document.ui is not None
    node: dict[str, Any] = document.ui["nodes"][0]
    return node


def test_widgets_inputs_embedded_models_and_the_lock_get_the_local_name():
    graph = ui_graph(stack("ink.sft", models=("ink.sft",)), extra={"satchel": lock_of("ink.sft")})
    document = read_json(graph, "x.json")
    api = api_graph(api_node("SatchelLoraStack", lora_1="ink.sft", on_1=True))
    document = WorkflowDocument("x", ui=document.ui, api=api, lock=document.lock)

    after, rewrites = rewrite(document, plan_of({"ink.sft": "mine/other.sft"}))

    node = first_node(after)
    assert node["widgets_values"] == stack_values(host("mine/other.sft"))
    assert node["properties"]["models"][0]["name"] == host("mine/other.sft")
    assert after.api == api_graph(
        api_node("SatchelLoraStack", lora_1=host("mine/other.sft"), on_1=True)
    )
    assert after.lock is not None
    assert [model.identity.name for model in after.lock.models] == ["mine/other.sft"]
    assert after.ui is not None
    assert after.ui["extra"]["satchel"]["models"][0]["name"] == "mine/other.sft"
    # both graphs name the node "1" and its input "lora_1": one change for people to read
    assert [change.to_json() for change in rewrites] == [
        {"node": "1", "input": "lora_1", "old": "ink.sft", "new": host("mine/other.sft")}
    ]


def test_keys_of_the_carried_lock_that_this_release_does_not_know_survive():
    document = document_of(stack("ink.sft"), extra={"satchel": lock_of("ink.sft"), "ds": {}})

    after, _ = rewrite(document, plan_of({"ink.sft": "other.sft"}))

    assert after.ui is not None
    assert after.ui["extra"]["ds"] == {}
    assert after.ui["extra"]["satchel"]["signed"] is True
    assert after.ui["extra"]["satchel"]["models"][0]["license"] == "MIT"


def test_the_document_that_was_handed_in_is_unchanged():
    document = document_of(
        stack("ink.sft", models=("ink.sft",)), extra={"satchel": lock_of("ink.sft")}
    )
    before = json.dumps(document.ui)

    rewrite(document, plan_of({"ink.sft": "other.sft"}))

    assert json.dumps(document.ui) == before


def test_names_that_are_right_already_are_left_alone():
    document = document_of(stack("ink.sft"))

    after, rewrites = rewrite(document, plan_of({"ink.sft": "ink.sft", "other.sft": "x.sft"}))

    assert rewrites == []
    assert after.ui == document.ui


def test_separators_become_those_of_this_system():
    written = "style\\ink.sft" if os.sep == "/" else "style/ink.sft"

    after, rewrites = rewrite(
        document_of(stack(written)), plan_of({"style/ink.sft": "style/ink.sft"})
    )

    assert first_node(after)["widgets_values"][1] == host("style/ink.sft")
    assert [change.old for change in rewrites] == [written]


def test_a_model_that_is_not_here_keeps_its_name():
    after, rewrites = rewrite(document_of(stack("ink.sft")), plan_of({"ink.sft": None}))

    assert rewrites == []
    assert first_node(after)["widgets_values"][1] == "ink.sft"


def test_a_model_of_another_kind_with_that_name_is_left_alone():
    document = document_of(stack("x.sft"), ui_node(2, "VAELoader", ["x.sft"]))

    after, _ = rewrite(document, plan_of({"x.sft": "other.sft"}, kind="vae"))

    assert first_node(after)["widgets_values"][1] == "x.sft"
    assert after.ui is not None
    assert after.ui["nodes"][1]["widgets_values"] == ["other.sft"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"a.sft": "b.sft", "b.sft": "a.sft"}, ["b.sft", "a.sft"]),
        ({"a.sft": "b.sft", "b.sft": "c.sft"}, ["b.sft", "c.sft"]),
        ({"b.sft": "c.sft", "a.sft": "b.sft"}, ["b.sft", "c.sft"]),
        ({"a.sft": "b.sft", "b.sft": "b.sft"}, ["b.sft", "b.sft"]),
    ],
)
@pytest.mark.parametrize("instances", [0, 1, 3])
def test_new_names_that_are_other_models_old_names_do_not_mix(
    names: dict[str, str | None], expected: list[str], instances: int
):
    node = stack("a.sft", "b.sft", models=("a.sft", "b.sft"))
    graph = ui_graph(node)
    if instances:
        graph = ui_graph(
            *(ui_node(n, SUBGRAPH_ID) for n in range(instances)), subgraphs=[subgraph(node)]
        )
    graph["extra"] = {"satchel": lock_of("a.sft", "b.sft")}

    after, _ = rewrite(read_json(graph, "x"), plan_of(names))

    assert after.ui is not None
    nodes = after.ui["definitions"]["subgraphs"][0]["nodes"] if instances else after.ui["nodes"]
    assert nodes[0]["widgets_values"][1::5] == expected
    models = nodes[0]["properties"]["models"]
    assert [(model["url"], model["name"]) for model in models] == [
        ("https://example.com/a.sft", expected[0]), ("https://example.com/b.sft", expected[1]),
    ]  # fmt: skip
    carried = after.ui["extra"]["satchel"]["models"]
    assert [model["name"] for model in carried] == list(dict.fromkeys(expected))


def test_two_entries_that_are_one_file_here_become_one_in_the_lock():
    document = document_of(stack("a.sft", "b.sft"), extra={"satchel": lock_of("a.sft", "b.sft")})

    after, _ = rewrite(document, plan_of({"a.sft": "here.sft", "b.sft": "here.sft"}))

    assert after.ui is not None
    assert after.lock is not None
    (carried,) = after.ui["extra"]["satchel"]["models"]
    assert (carried["name"], carried["used_by"]) == ("here.sft", ["0", "1"])
    assert Lock.from_json(after.ui["extra"]["satchel"]).models == after.lock.models


def test_every_instance_of_a_subgraph_is_told():
    document = document_of(
        ui_node(10, SUBGRAPH_ID), ui_node(11, SUBGRAPH_ID),
        subgraphs=[subgraph(ui_node(3, "LoraLoader", ["ink.sft", 1, 1]))],
    )  # fmt: skip

    _, rewrites = rewrite(document, plan_of({"ink.sft": "other.sft"}))

    assert [change.node for change in rewrites] == ["10:3", "11:3"]


def test_a_custom_nodes_name_is_rewritten_when_it_means_one_model():
    document = document_of(ui_node(1, "Power Lora", [{"lora": "style\\ink.sft", "on": True}]))

    after, _ = rewrite(document, plan_of({"style/ink.sft": "other.sft"}))

    assert first_node(after)["widgets_values"] == [{"lora": "other.sft", "on": True}]


def test_a_custom_nodes_name_that_means_two_models_is_left_alone():
    document = document_of(ui_node(1, "Power Lora", [{"lora": "ink.sft"}]))
    loras, vae = plan_of({"ink.sft": "a.sft"}), plan_of({"ink.sft": "b.sft"}, kind="vae")

    after, rewrites = rewrite(document, Plan((*loras.models, *vae.models), 0))

    assert rewrites == []
    assert after.ui == document.ui


@pytest.mark.parametrize(
    "properties", [None, [], {"models": None}, {"models": [None, {"name": []}]}]
)
def test_odd_properties_are_survived(properties: Any):
    node = {**stack("ink.sft"), "properties": properties}

    after, _ = rewrite(document_of(node), plan_of({"ink.sft": "other.sft"}))

    assert first_node(after)["properties"] == properties
    assert first_node(after)["widgets_values"][1] == "other.sft"


def test_a_lock_alone_is_renamed_too():
    document = read_json(lock_of("ink.sft"), "x.lock.json")

    after, rewrites = rewrite(document, plan_of({"ink.sft": "other.sft"}))

    assert rewrites == []
    assert after.lock is not None
    assert after.lock.models[0].identity.name == "other.sft"
