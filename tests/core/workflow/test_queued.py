"""What a queued graph's images are to carry, from what is known, without reading or asking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, stack_values, ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.settings import EmbedSettings
from satchel.workflow.author import build_lock
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.export import export
from satchel.workflow.lock import Lock
from satchel.workflow.queued import Machine, embed
from satchel.workspace import Workspace

INK = "style/ink.safetensors"
UI = ui_graph(ui_node(1, "SatchelLoraStack", stack_values(INK)))
API = api_graph(
    api_node("SatchelLoraStack", lora_1=INK, strength_model_1=0.8, model=["2", 0]),
    api_node("CheckpointLoaderSimple", ckpt_name="base.safetensors"),
    api_node("SaveImage", images=["1", 0]),
    api_node("LoraLoaderModelOnly", lora_name="loose.safetensors", strength_model=1.0),
)


@pytest.fixture
def known(author: Workspace, market: Marketplace) -> Workspace:
    """A machine that has all models, published and hashed."""
    for seed, (kind, name) in enumerate(
        [("loras", INK), ("checkpoints", "base.safetensors"), ("loras", "loose.safetensors")]
    ):
        path = write_safetensors(author.folders.first_root(kind) / name, seed=seed)
        market.publish(path, model_name=name)
    build_lock(read_json(API, "x.json"), author)
    market.clear_requests()
    return author


def machine(workspace: Workspace) -> Machine:
    return Machine(workspace, {"comfyui": "0.30.0"}, outputs=frozenset({"SaveImage"}))


def body(**extra: Any) -> dict[str, Any]:
    return {"prompt": API, "client_id": "me", "extra_data": {"extra_pnginfo": extra}}


def lock_of(posted: Any) -> Lock:
    return Lock.from_json(posted["extra_data"]["extra_pnginfo"]["satchel"])


def test_a_known_graph_gets_a_whole_lock_without_a_request(known: Workspace, market: Marketplace):
    posted, to_hash = embed(body(workflow=UI), machine(known), lock=True, civitai=False)

    assert list(posted["extra_data"]["extra_pnginfo"]) == ["workflow", "satchel"]
    assert posted["prompt"] == API
    lock = lock_of(posted)
    assert {model.identity.name for model in lock.models} == {
        INK, "base.safetensors", "loose.safetensors",
    }  # fmt: skip
    assert all(model.identity.sha256 and model.identity.sources for model in lock.models)
    assert all(model.facts.page and not model.reason for model in lock.models)
    assert list(to_hash) == []
    assert market.requests == []


def test_the_lock_is_the_one_that_an_export_makes(known: Workspace):
    document = WorkflowDocument("x", read_json(UI, "x").ui, API)

    posted, _ = embed(body(workflow=UI), machine(known), lock=True, civitai=False)

    made = build_lock(document, known, {"comfyui": "0.30.0"})
    assert lock_of(posted).to_json() == made.to_json()


def test_a_file_that_was_never_hashed_is_listed_and_not_read(author: Workspace):
    path = write_safetensors(author.folders.first_root("loras") / INK, seed=1)

    posted, to_hash = embed(body(), machine(author), lock=True, civitai=True)

    models = {model.identity.name: model for model in lock_of(posted).models}
    assert models[INK].identity.sha256 is None
    assert models[INK].reason == "It is here, but was not hashed yet."
    assert models["base.safetensors"].reason.startswith("It is not on this machine")
    assert [model.path for model in to_hash] == [path]
    assert posted["prompt"] == API
    assert author.catalog.digests(to_hash[0]) is None


def test_civitai_gets_what_runs_and_nothing_that_is_only_loose(known: Workspace):
    posted, _ = embed(body(workflow=UI), machine(known), lock=False, civitai=True)

    assert posted["extra_data"] == {"extra_pnginfo": {"workflow": UI}}
    marks = [node for key, node in posted["prompt"].items() if key.startswith("civitai:")]
    assert {node["class_type"] for node in marks} == {"VAELoader", "LoraLoaderModelOnly"}
    (lora,) = [node for node in marks if node["class_type"] == "LoraLoaderModelOnly"]
    assert lora["inputs"]["strength_model"] == 0.8


@pytest.mark.parametrize("name", [
    {"lora": INK}, {"lora": "style\\ink.safetensors"}, {"name": "ink", "strength": 1},
])  # fmt: skip
def test_names_of_other_packs_are_found_in_the_catalog(known: Workspace, name: dict[str, Any]):
    class_type = "Lora Loader (LoraManager)" if "name" in name else "Power Lora Loader (rgthree)"
    prompt = api_graph(api_node(class_type, lora_1=name, loras=[name]))

    posted, _ = embed({"prompt": prompt}, machine(known), lock=True, civitai=False)

    (model,) = lock_of(posted).models
    assert model.identity.sha256


@pytest.mark.parametrize("bad", [
    None, [], "x", {}, {"prompt": None}, {"prompt": {}}, {"prompt": {"1": {"inputs": {}}}},
    {"prompt": {"1": []}},
])  # fmt: skip
def test_what_is_no_graph_is_handed_on(author: Workspace, bad: Any):
    assert embed(bad, machine(author), lock=True, civitai=True) == (bad, ())


@pytest.mark.parametrize("extra", [
    {}, {"extra_data": None}, {"extra_data": {"extra_pnginfo": None}},
    {"extra_data": {"extra_pnginfo": {"workflow": {"nodes": "x"}}}},
    {"extra_data": {"extra_pnginfo": {"workflow": {**UI, "extra": {"satchel": {"version": 99}}}}}},
])  # fmt: skip
def test_odd_extra_data_costs_no_lock(known: Workspace, extra: dict[str, Any]):
    posted, _ = embed({"prompt": API, **extra}, machine(known), lock=True, civitai=False)

    assert len(lock_of(posted).models) == 3


def test_the_clients_own_body_is_unchanged(known: Workspace):
    own = body(workflow=UI)
    before = json.dumps(own)

    embed(own, machine(known), lock=True, civitai=True)

    assert json.dumps(own) == before


@pytest.mark.parametrize(("environ", "expected"), [
    ({}, EmbedSettings(None, None)),
    ({"SATCHEL_EMBED_LOCK": "1"}, EmbedSettings(True, None)),
    ({"SATCHEL_EMBED_LOCK": "0", "SATCHEL_CIVITAI_READY": "on"}, EmbedSettings(False, True)),
    ({"SATCHEL_CIVITAI_READY": " "}, EmbedSettings(None, None)),
])  # fmt: skip
def test_the_operator_decides_or_leaves_it_to_the_user(
    environ: dict[str, str], expected: EmbedSettings
):
    assert EmbedSettings.from_environment(environ) == expected


def saved_by_the_stock_frontend(graph: dict[str, Any]) -> dict[str, Any]:
    """What LGraph.serialize keeps of an opened graph: its own keys, nodes and `extra` whole."""
    own = ("id", "revision", "last_node_id", "last_link_id", "nodes", "links", "groups", "config",
           "definitions", "version")  # fmt: skip
    kept = {key: graph[key] for key in own if key in graph}
    extra = {**graph["extra"], "ds": {"scale": 1, "offset": [0, 0]}, "frontendVersion": "1.47.12"}
    return json.loads(json.dumps({**kept, "extra": extra}))


def test_nothing_is_lost_when_the_stock_frontend_saves_an_export_and_it_is_exported_again(
    known: Workspace, tmp_path: Path
):
    graph = {**UI, "models": [{"name": "x"}]}
    first = export(read_json(graph, "x.json"), build_lock(read_json(graph, "x.json"), known))
    assert first.document.ui is not None
    newer = first.document.ui["extra"]["satchel"]
    newer["signature"] = {"by": "a newer release"}
    newer["models"][0]["weather"] = "fine"

    saved = read_json(saved_by_the_stock_frontend(first.document.ui), "x.json")
    for workspace in (known, Workspace(known.settings, known.folders, known.catalog)):
        again = export(saved, build_lock(saved, workspace)).document.ui
        assert again is not None
        assert again["extra"]["satchel"] == newer
        assert again["nodes"] == first.document.ui["nodes"]
