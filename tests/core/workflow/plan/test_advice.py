"""What a plan tells people beside the states: what is optional, hinted at, licensed, rated."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from support.graphs import ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.cli.texts import plan_text
from satchel.errors import ForbiddenSizeError
from satchel.identity import ModelIdentity, Source
from satchel.policy import Policy
from satchel.workflow.documents import read_json
from satchel.workflow.install import install
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.lock_facts import ModelFacts
from satchel.workflow.plan import OPTIONAL, plan_document
from satchel.workspace import Workspace

MUTED, BYPASSED = 2, 4


def locked(path: Path, name: str = "ink.safetensors", **fields: Any) -> dict[str, Any]:
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"name": name, "directory": "loras", "sha256": sha256, "size": len(content), **fields}


def graph(lock: list[dict[str, Any]], *nodes: Any) -> Any:
    ui = ui_graph(*nodes, extra={"satchel": {"version": 1, "models": lock}})
    return read_json(ui, "x.json")


def published(market: Marketplace, tmp_path: Path, seed: int) -> Path:
    path = write_safetensors(tmp_path / f"published/{seed}.safetensors", seed=seed)
    market.publish(path, model_name=f"Model {seed}")
    return path


# --- optional models --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [MUTED, BYPASSED])
def test_a_model_that_only_idle_nodes_name_is_optional(
    recipient: Workspace, market: Marketplace, tmp_path: Path, mode: int
):
    lock = [locked(published(market, tmp_path, 1))]
    document = graph(lock, ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1], mode=mode))

    plan = plan_document(document, recipient)

    (model,) = plan.to_json()["models"]
    assert (model["state"], model["optional"], model["fetch"]) == ("missing", True, False)
    assert model["reason"] == OPTIONAL
    assert (plan.ok, plan.installable, plan.bytes_to_fetch) == (True, False, 0)
    assert install(document, plan, recipient).installed == ()


def test_an_optional_model_is_fetched_when_it_is_asked_for(
    recipient: Workspace, market: Marketplace, tmp_path: Path
):
    lock = [locked(published(market, tmp_path, 1))]
    document = graph(lock, ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1], mode=MUTED))

    plan = plan_document(document, recipient, include_optional=True)
    imported = install(document, plan, recipient)

    assert (plan.ok, plan.installable) == (False, True)
    assert [entry.name for entry in imported.installed] == ["ink.safetensors"]
    assert imported.plan.ok


def test_a_model_that_a_running_node_names_too_is_not_optional(
    recipient: Workspace, market: Marketplace, tmp_path: Path
):
    lock = [locked(published(market, tmp_path, 1))]
    idle = ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1], mode=MUTED)
    document = graph(lock, idle, ui_node(2, "LoraLoader", ["ink.safetensors", 1, 1]))

    plan = plan_document(document, recipient)

    assert (plan.ok, plan.installable) == (False, True)


def test_an_optional_model_that_is_here_is_present(recipient: Workspace, tmp_path: Path):
    path = write_safetensors(recipient.folders.first_root("loras") / "ink.safetensors")
    document = graph([locked(path)], ui_node(1, "LoraLoader", ["ink.safetensors"], mode=MUTED))

    (model,) = plan_document(document, recipient).models

    assert (model.state, model.reason) == ("present", "")


# --- hints and facts --------------------------------------------------------------------------


def test_an_address_in_a_note_is_told_and_never_fetched(recipient: Workspace, market: Marketplace):
    url = "https://huggingface.co/a/b/resolve/main/ink.safetensors"
    document = read_json(
        ui_graph(ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1]),
                 ui_node(2, "MarkdownNote", [f"[ink]({url})"])), "x.json")  # fmt: skip

    plan = plan_document(document, recipient)

    (model,) = plan.to_json()["models"]
    assert model["hints"] == [url]
    assert model["reason"].endswith(f"A note in the workflow says where it may be: {url}")
    assert not model["fetch"]
    assert market.requests == []


def test_licence_rating_and_words_of_the_lock_are_told_before_anything_is_fetched(
    recipient: Workspace, market: Marketplace, tmp_path: Path
):
    facts = {"licence": "openrail++", "nsfw_level": 12, "base_model": "SDXL 1.0", "gated": True,
             "trigger_words": ["ink wash"],
             "permissions": {"allowCommercialUse": "Image", "allowNoCredit": True}}  # fmt: skip
    lock = [locked(published(market, tmp_path, 1), **facts)]
    document = graph(lock, ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1]))

    plan = plan_document(document, recipient)

    (model,) = plan.to_json()["models"]
    assert {key: model[key] for key in facts} == facts
    text = plan_text(Path("x.json"), plan)
    assert "licence: openrail++; content: X; gated: its page has to be accepted first" in text


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({}, ModelFacts()),
        ({"licence": None, "nsfw_level": None, "trigger_words": None, "gated": None}, ModelFacts()),
        ({"licence": 5, "nsfw_level": "4", "trigger_words": "a", "gated": 1}, ModelFacts()),
        ({"nsfw_level": -1}, ModelFacts()),
        ({"nsfw_level": True}, ModelFacts()),
        ({"trigger_words": ["a", 5, "b"]}, ModelFacts(trigger_words=("a", "b"))),
        ({"licence": {"allow_derivatives": False}},
         ModelFacts(licence="allow_derivatives=False")),
        ({"licence": {"id": "mit", "commercial": True}}, ModelFacts(licence="mit")),
        ({"permissions": {"allowNoCredit": False, "x": True, "allowDerivatives": 5}},
         ModelFacts(permissions=(("allowNoCredit", False),))),
        ({"permissions": "all"}, ModelFacts()),
    ],
)  # fmt: skip
def test_facts_of_strangers_are_read_with_care(entry: dict[str, Any], expected: ModelFacts):
    assert ModelFacts.from_json(entry) == expected


# --- names ------------------------------------------------------------------------------------


def test_of_several_files_of_one_name_none_is_taken_for_an_unpinned_model(recipient: Workspace):
    for number, folder in enumerate(("a", "b")):
        root = recipient.folders.first_root("loras")
        write_safetensors(root / folder / "ink.safetensors", seed=number)
    document = read_json(ui_graph(ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1])), "x.json")

    (model,) = plan_document(document, recipient).models

    assert (model.state, model.local) == ("missing", None)
    assert "Several files here have this name" in model.reason


def test_a_file_of_that_name_and_another_size_is_another_file(recipient: Workspace, tmp_path: Path):
    path = write_safetensors(recipient.folders.first_root("loras") / "a/ink.safetensors")
    entry = locked(path, sha256=None, size=path.stat().st_size + 1)
    document = graph([entry], ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1]))

    (model,) = plan_document(document, recipient).models

    assert model.state == "missing"


def test_an_unpinned_model_in_another_subfolder_is_present(recipient: Workspace):
    write_safetensors(recipient.folders.first_root("loras") / "a/ink.safetensors")
    node = ui_node(1, "LoraLoader", ["styles\\ink.safetensors", 1, 1])

    (model,) = plan_document(read_json(ui_graph(node), "x.json"), recipient).models

    assert model.state == "present"
    assert model.local is not None
    assert model.local.name == "a/ink.safetensors"


# --- few requests -------------------------------------------------------------------------------


def test_a_hundred_missing_models_take_three_requests_at_most(
    recipient: Workspace, market: Marketplace, tmp_path: Path
):
    lock, nodes = [], []
    for number in range(100):
        name = f"{number}.safetensors"
        lock.append(locked(published(market, tmp_path, number), name))
        nodes.append(ui_node(number + 1, "LoraLoader", [name, 1, 1]))

    plan = plan_document(graph(lock, *nodes), recipient)

    assert len(plan.to_fetch) == 100
    assert len(market.requests) + len(market.archive.requests) <= 3


# --- the operator's policy -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "name", "state"),
    [
        (Policy(), "ink.safetensors", "missing"),
        (Policy(max_file_bytes=10), "ink.safetensors", "refused"),
        (Policy(formats=frozenset({".gguf"})), "ink.safetensors", "refused"),
        (Policy(formats=frozenset({".ckpt"})), "ink.ckpt", "missing"),
        (Policy(), "ink.ckpt", "refused"),
    ],
)
def test_the_policy_decides_in_the_plan(
    tmp_path: Path, market: Marketplace, policy: Policy, name: str, state: str
):
    workspace = make_workspace(tmp_path / "strict", market, policy=policy)
    document = graph([locked(published(market, tmp_path, 1), name)],
                     ui_node(1, "LoraLoader", [name, 1, 1]))  # fmt: skip

    (model,) = plan_document(document, workspace).models

    assert model.state == state


def test_more_than_the_policy_allows_altogether_is_not_begun(tmp_path: Path, market: Marketplace):
    workspace = make_workspace(tmp_path / "strict", market, policy=Policy(max_total_bytes=10))
    document = graph([locked(published(market, tmp_path, 1))],
                     ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1]))  # fmt: skip
    plan = plan_document(document, workspace)

    with pytest.raises(ForbiddenSizeError):
        install(document, plan, workspace)

    assert not any(path.is_file() for path in (tmp_path / "strict/models").rglob("*"))


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("a.safetensors", ("civitai", "https://civitai.com/api/download/models/1"), (True, False)),
        ("a.ckpt", ("huggingface", "https://huggingface.co/a/b/resolve/main/a.ckpt"), (True, True)),
        ("a.safetensors", ("https", "https://models.example/a.safetensors"), (False, False)),
    ],
)
def test_a_host_of_no_marketplace_and_a_format_that_can_run_code_are_told(
    recipient: Workspace, name: str, source: tuple[str, str], expected: tuple[bool, bool]
):
    identity = ModelIdentity("loras", name, "0" * 64, 10, sources=(Source(*source),))
    document = read_json(Lock((LockedModel(identity, ("1",)),)).to_json(), "x.lock.json")

    (model,) = plan_document(document, recipient, quick=True).to_json()["models"]

    assert (model["known_source"], model["can_run_code"]) == expected
