"""Plans for graphs: without a lock, with what others embedded, edited after their lock."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, embedded, stack_values, ui_node
from support.marketplace import Marketplace, Published
from support.plans import SHA, graph_of, put, sha256_of, source, wanting

from satchel.identity import ModelIdentity
from satchel.workflow.documents import read_json
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.plan import plan_document
from satchel.workspace import Workspace


def test_a_graph_without_a_lock_is_planned_by_its_names(recipient: Workspace, ink: Path):
    put(recipient, "a/ink.safetensors", ink.read_bytes())
    document = graph_of(
        ui_node(4, "SatchelLoraStack", stack_values("a\\ink.safetensors", "absent.safetensors"))
    )

    plan = plan_document(document, recipient)

    assert [(m.model.identity.name, m.state) for m in plan.models] == [
        ("a/ink.safetensors", "present"), ("absent.safetensors", "missing"),
    ]  # fmt: skip
    assert (plan.ok, plan.installable) == (False, False)


def test_what_other_tools_embedded_is_used(recipient: Workspace, published: Published, ink: Path):
    url = f"https://civitai.com/api/download/models/{published.version_id}"
    node = ui_node(4, "LoraLoader", ["ink.safetensors", 1, 1],
                   **embedded("ink.safetensors", url, hash=sha256_of(ink).upper(),
                              hash_type="SHA256"))  # fmt: skip

    plan = plan_document(graph_of(node), recipient)

    (model,) = plan.models
    assert (model.state, model.model.identity.sha256) == ("missing", sha256_of(ink))
    assert plan.installable


@pytest.mark.parametrize(
    ("url", "fields", "state"),
    [
        ("https://huggingface.co/o/r/resolve/main/ink.safetensors", {}, "refused"),
        ("https://civitai.com/api/download/models/1", {"hash": "abc", "hash_type": "SHA256"},
         "missing"),
        ("https://civitai.com/api/download/models/1", {"hash": SHA, "hash_type": "BLAKE3"},
         "missing"),
        ("https://civitai.com/api/download/models/" + "9" * 5000, {}, "refused"),
        ("", {}, "missing"),
        (7, {"hash": [], "hash_type": {}}, "missing"),
    ],
)  # fmt: skip
def test_what_others_embedded_is_never_fetched_unpinned(
    recipient: Workspace, market: Marketplace, url: Any, fields: dict[str, Any], state: str
):
    node = ui_node(4, "LoraLoader", ["ink.sft", 1, 1], **embedded("ink.sft", url, **fields))

    plan = plan_document(graph_of(node), recipient)

    assert plan.models[0].state == state
    assert plan.models[0].reason
    assert not plan.installable
    assert market.requests == []


@pytest.mark.parametrize(
    ("here", "wanted", "state", "local"),
    [
        (["loras/ink.sft"], "ink.sft", "present", "ink.sft"),
        (["loras/a/ink.sft"], "ink.sft", "present", "a/ink.sft"),
        (["loras/a/ink.sft"], "b/ink.sft", "present", "a/ink.sft"),
        (["loras/a/ink.sft", "loras/ink.sft"], "ink.sft", "present", "ink.sft"),
        (["loras/ink.sft", "vae/ink.sft"], "ink.sft", "present", None),
        (["loras/pink.sft"], "ink.sft", "missing", None),
        ([], "ink.sft", "missing", None),
    ],
)
def test_a_model_that_only_a_custom_node_names(
    recipient: Workspace, here: list[str], wanted: str, state: str, local: str | None
):
    for seed, name in enumerate(here):
        kind, _, rest = name.partition("/")
        put(recipient, rest, bytes([seed]) * 50, kind=kind)
    document = read_json(api_graph(api_node("Power Lora", lora_1={"lora": wanted})), "x")

    (model,) = plan_document(document, recipient).models

    value = model.to_json()
    assert (value["state"], value["directory"]) == (state, "unknown")
    assert value["local"] == (local and local.replace("/", os.sep))


def test_the_lock_speaks_for_the_names_it_has_and_the_graph_for_the_rest(
    recipient: Workspace, published: Published, ink: Path
):
    lock = wanting(ink, source(published)).lock
    document = graph_of(
        ui_node(4, "LoraLoader", ["ink.safetensors"]),
        ui_node(5, "VAELoader", ["ink.safetensors"]),
        ui_node(6, "Power Lora", [{"lora": "ink.safetensors"}]),
    ).with_lock(lock)

    plan = plan_document(document, recipient)

    assert [(m.model.identity.kind, m.model.identity.sha256) for m in plan.models] == [
        ("loras", sha256_of(ink)), ("vae", None),
    ]  # fmt: skip


def lock_of(*names: str) -> Lock:
    return Lock(tuple(LockedModel(ModelIdentity("loras", name, SHA, 10)) for name in names))


def test_a_model_that_the_edited_graph_no_longer_names_is_not_planned(recipient: Workspace):
    lock = lock_of("old.safetensors", "kept.safetensors")
    graph = {"1": {"class_type": "LoraLoader", "inputs": {"lora_name": "kept.safetensors"}}}

    plan = plan_document(read_json(graph, "edited").with_lock(lock), recipient, quick=True)

    assert [entry.model.identity.name for entry in plan.models] == ["kept.safetensors"]


def test_a_locked_model_in_a_text_that_is_not_understood_stays_planned(recipient: Workspace):
    lock = lock_of("ink.safetensors")
    graph = {"1": {"class_type": "Prompt", "inputs": {"text": "a cat <lora:ink:0.8>"}}}

    plan = plan_document(read_json(graph, "prompt").with_lock(lock), recipient, quick=True)

    assert [entry.model.identity.name for entry in plan.models] == ["ink.safetensors"]
