"""Addresses that a graph gives for its models: commits in place of branches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.graphs import embedded, ui_graph, ui_node
from support.marketplace import Marketplace
from support.marketplace.huggingface import HuggingFace
from support.models import write_safetensors
from support.workspaces import make_workspace, sources_of

from satchel.settings import SourceSettings, origin_of
from satchel.workflow.author import build_lock
from satchel.workflow.documents import read_json
from satchel.workflow.export import PortableWorkflow, export
from satchel.workflow.places import ui_places
from satchel.workspace import Workspace

NAME = "ink.safetensors"
REPOSITORY = "ada/ink"
BRANCH = f"https://huggingface.co/{REPOSITORY}/resolve/main/loras/{NAME}"


@pytest.fixture
def hub() -> Iterator[HuggingFace]:
    with HuggingFace() as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, market: Marketplace, hub: HuggingFace) -> Workspace:
    sources = {**sources_of(market), "huggingface": SourceSettings(hub.site_url)}
    origins = frozenset(map(origin_of, (market.storage_url, hub.storage_url)))
    return make_workspace(tmp_path / "here", market, sources=sources, trusted_origins=origins)


@pytest.fixture
def file(tmp_path: Path, hub: HuggingFace) -> Path:
    """A LoRA that the Hub has; not on this machine yet."""
    path = write_safetensors(tmp_path / NAME, seed=1)
    hub.publish(REPOSITORY, f"loras/{NAME}", path)
    return path


def exported(workspace: Workspace, url: str = BRANCH, **fields: Any) -> PortableWorkflow:
    node = ui_node(1, "LoraLoaderModelOnly", [NAME, 1.0], **embedded(NAME, url, **fields))
    document = read_json(ui_graph(node), "x.json")
    return export(document, build_lock(document, workspace))


def put(workspace: Workspace, file: Path) -> None:
    (folder := workspace.folders.roots["loras"][0]).mkdir(parents=True, exist_ok=True)
    (folder / NAME).write_bytes(file.read_bytes())


def pinned_url(hub: HuggingFace) -> str:
    return BRANCH.replace("/main/", f"/{hub.commit(REPOSITORY)}/")


@pytest.mark.parametrize("form", ["resolve", "blob"])
def test_a_branch_becomes_the_commit_that_it_stands_for(
    here: Workspace, hub: HuggingFace, file: Path, form: str
):
    put(here, file)

    made = exported(here, BRANCH.replace("resolve", form))

    (model,) = made.lock.models
    assert [source.url for source in model.identity.sources] == [pinned_url(hub)]
    assert (model.reason, made.notes) == ("", ())
    assert made.document.ui is not None
    (place,) = ui_places(made.document.ui)
    assert place.owner["properties"]["models"] == [{
        "name": NAME, "url": pinned_url(hub), "hash": model.identity.sha256,
        "hash_type": "SHA256", "directory": "loras",
    }]  # fmt: skip


def test_a_file_that_is_not_here_is_pinned_by_what_the_hub_says(
    here: Workspace, hub: HuggingFace, file: Path
):
    (model,) = exported(here).lock.models

    published = hub.repositories[REPOSITORY].commits[hub.commit(REPOSITORY)][f"loras/{NAME}"]
    assert (model.identity.sha256, model.identity.size) == (published.sha256, published.size)
    assert [source.url for source in model.identity.sources] == [pinned_url(hub)]
    assert model.reason == ""


def test_the_hub_comes_after_a_marketplace_that_knows_the_bytes(
    here: Workspace, hub: HuggingFace, market: Marketplace, file: Path
):
    put(here, file)
    market.publish(file, model_name="Ink")

    (model,) = exported(here).lock.models

    assert [source.kind for source in model.identity.sources] == ["civitai", "huggingface"]


def test_an_address_that_serves_another_file_now_is_no_source(
    here: Workspace, hub: HuggingFace, file: Path, tmp_path: Path
):
    put(here, write_safetensors(tmp_path / "other.safetensors", seed=2))

    (model,) = exported(here).lock.models

    assert model.identity.sources == ()
    assert "another file" in model.reason


def test_an_entry_that_claims_other_bytes_than_are_here_is_not_asked_about(
    here: Workspace, hub: HuggingFace, file: Path
):
    put(here, file)

    (model,) = exported(here, hash="0" * 64, hash_type="SHA256").lock.models

    assert model.identity.sources == ()
    assert hub.requests == []


@pytest.mark.parametrize("is_here", [True, False])
def test_where_nobody_can_be_asked_the_revision_stays_and_is_told(
    tmp_path: Path, market: Marketplace, file: Path, is_here: bool
):
    offline = make_workspace(tmp_path / "offline", market)
    if is_here:
        put(offline, file)

    made = exported(offline)

    (model,) = made.lock.models
    assert [source.url for source in model.identity.sources] == [BRANCH]
    assert (model.identity.sha256 is None, bool(model.reason)) == (not is_here, not is_here)
    assert [f"'main' of {REPOSITORY}" in note for note in made.notes] == [True]


def test_the_next_export_with_a_network_pins_it(
    here: Workspace, hub: HuggingFace, market: Marketplace, file: Path, tmp_path: Path
):
    offline = make_workspace(tmp_path / "offline", market)
    put(offline, file)
    put(here, file)
    graph = exported(offline).document.ui

    document = read_json(graph, "again.json")
    (model,) = build_lock(document, here).models

    assert [source.url for source in model.identity.sources] == [pinned_url(hub)]


def test_it_is_asked_once(here: Workspace, hub: HuggingFace, file: Path):
    put(here, file)
    exported(here)
    hub.clear_requests()

    (model,) = exported(here).lock.models

    assert hub.requests == []
    assert [source.url for source in model.identity.sources] == [pinned_url(hub)]


@pytest.mark.parametrize("url", [
    "https://huggingface.co/ada/ink", "https://huggingface.co/nobody/ink/resolve/main/x.sft",
    "https://huggingface.co/datasets/ada/ink/resolve/main/x.safetensors",
])  # fmt: skip
def test_an_address_that_names_no_file_there_pins_nothing(
    here: Workspace, hub: HuggingFace, file: Path, url: str
):
    (model,) = exported(here, url).lock.models

    assert model.identity.sha256 is None
    assert model.reason
