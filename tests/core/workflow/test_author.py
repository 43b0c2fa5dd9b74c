"""Making a lock: what is pinned, what is kept, and why something is not."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, stack_values, ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.errors import CancelledError
from satchel.examine import claim_identities
from satchel.folders import LocalModel
from satchel.hashes import hash_file
from satchel.identity import ModelIdentity, Source
from satchel.progress import Cancellation, Progress
from satchel.workflow.author import build_lock
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.lock import Lock, LockedModel
from satchel.workspace import Workspace

SHA = "0123456789abcdef" * 4
EARLIER = Source("civitai", "https://civitai.com/api/download/models/5", version_id=5)


def model_file(workspace: Workspace, name: str, seed: int = 1, kind: str = "loras") -> Path:
    return write_safetensors(workspace.folders.first_root(kind) / name, seed=seed)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lora_graph(*names: str) -> WorkflowDocument:
    return read_json(ui_graph(ui_node(1, "SatchelLoraStack", stack_values(*names))), "x.json")


def power_lora(name: str) -> WorkflowDocument:
    """A node of another pack in an API graph: only the value itself tells that it is a model."""
    return read_json(api_graph(api_node("Power Lora Loader", lora_1={"lora": name})), "x.json")


def with_lock(document: WorkflowDocument, **identity: Any) -> WorkflowDocument:
    known = ModelIdentity(**{"kind": "loras", "name": "ink.safetensors", **identity})
    return document.with_lock(Lock((LockedModel(known, ("9",)),), {"comfyui": "0.30.0"}))


def test_a_model_that_is_here_and_known_is_pinned_whole(author: Workspace, market: Marketplace):
    path = model_file(author, "style/ink.safetensors")
    published = market.publish(path, model_name="Ink")

    lock = build_lock(lora_graph("style\\ink.safetensors"), author, {"comfyui": "0.30.0"})

    (model,) = lock.models
    assert model.reason == ""
    assert model.used_by == ("1",)
    assert lock.host == {"comfyui": "0.30.0"}
    assert model.identity.to_json() == {
        "name": "style/ink.safetensors",
        "directory": "loras",
        "sha256": sha256_of(path),
        "autov3": published.hashes["AutoV3"].lower(),
        "size": path.stat().st_size,
        "sources": [
            {
                "kind": "civitai",
                "url": f"https://civitai.com/api/download/models/{published.version_id}"
                f"?fileId={published.file_id}",
                "air": published.air,
                "model_id": published.model_id,
                "version_id": published.version_id,
                "file_id": published.file_id,
            }
        ],
    }


def test_all_models_are_looked_up_in_one_request_and_their_licences_in_another(
    author: Workspace, market: Marketplace
):
    names = [f"{seed}.safetensors" for seed in range(5)]
    for seed, name in enumerate(names):
        market.publish(model_file(author, name, seed), model_name=name)

    lock = build_lock(lora_graph(*names), author)

    assert all(model.identity.sources for model in lock.models)
    assert [request.path for request in market.requests] == [
        "/api/v1/model-versions/by-hash", "/api/v1/models",
    ]  # fmt: skip


def test_a_file_is_hashed_once(author: Workspace, market: Marketplace):
    model_file(author, "ink.safetensors")
    seen: list[Progress] = []

    for _ in range(2):
        build_lock(lora_graph("ink.safetensors"), author.watched(seen.append))

    assert len([step for step in seen if step.state == "hashing" and step.done]) == 1


def test_a_model_that_is_not_here_is_listed_with_the_reason(author: Workspace):
    (model,) = build_lock(lora_graph("ink.safetensors"), author).models

    assert model.identity == ModelIdentity("loras", "ink.safetensors")
    assert model.reason == "It is not on this machine, so it was not hashed."


def test_a_model_that_no_marketplace_knows_is_pinned_with_the_reason(author: Workspace):
    path = model_file(author, "ink.safetensors")

    (model,) = build_lock(lora_graph("ink.safetensors"), author).models

    assert model.identity.sha256 == sha256_of(path)
    assert model.identity.sources == ()
    assert model.reason == "No marketplace knows this file by its SHA256."


def test_a_marketplace_that_is_down_is_the_reason_and_no_failure(tmp_path: Path):
    with Marketplace() as market:
        workspace = make_workspace(tmp_path, market)
        path = model_file(workspace, "ink.safetensors")

    (model,) = build_lock(lora_graph("ink.safetensors"), workspace).models

    assert model.identity.sha256 == sha256_of(path)
    assert model.reason.startswith("It could not be looked up: 127.0.0.1 cannot be reached.")


def test_a_custom_node_whose_model_is_here_once_gets_its_folder(
    author: Workspace, market: Marketplace
):
    path = model_file(author, "ink.safetensors")

    (model,) = build_lock(power_lora("ink.safetensors"), author).models

    assert (model.identity.kind, model.identity.sha256) == ("loras", sha256_of(path))


def test_a_custom_node_whose_model_could_be_two_files_is_not_guessed(author: Workspace):
    model_file(author, "ink.safetensors", seed=1)
    model_file(author, "ink.safetensors", seed=2, kind="vae")

    (model,) = build_lock(power_lora("ink.safetensors"), author).models

    assert (model.identity.kind, model.identity.sha256) == ("unknown", None)
    assert model.reason == "Several files here have this name, in different folders."


def test_a_name_that_two_nodes_share_is_one_model(author: Workspace, market: Marketplace):
    model_file(author, "ink.safetensors")
    graph = ui_graph(
        ui_node(4, "LoraLoader", ["ink.safetensors", 1, 1]),
        ui_node(2, "SatchelLoraStack", stack_values("ink.safetensors")),
        ui_node(9, "Power Lora Loader", [{"lora": "ink.safetensors"}]),
    )

    (model,) = build_lock(read_json(graph, "x"), author).models

    assert model.used_by == ("4", "2", "9")
    assert model.identity.sha256


def test_one_name_in_two_folders_is_two_models(author: Workspace, market: Marketplace):
    model_file(author, "x.safetensors", seed=1)
    model_file(author, "x.safetensors", seed=2, kind="vae")
    graph = api_graph(
        api_node("VAELoader", vae_name="x.safetensors"),
        api_node("LoraLoaderModelOnly", lora_name="x.safetensors"),
    )

    lock = build_lock(read_json(graph, "x"), author)

    assert len({model.identity.sha256 for model in lock.models}) == 2


def test_what_an_earlier_lock_knew_of_an_absent_model_is_kept(author: Workspace):
    known = {"sha256": SHA, "size": 12, "autov3": SHA[:12], "sources": (EARLIER,)}

    for document in (lora_graph("ink.safetensors"), power_lora("ink.safetensors")):
        lock = build_lock(with_lock(document, **known), author)

        (model,) = lock.models
        assert model.identity == ModelIdentity("loras", "ink.safetensors", **known)
        assert model.used_by == ("1",)
        assert model.reason == ""
        assert lock.host == {"comfyui": "0.30.0"}


def test_sources_of_an_earlier_lock_stay_while_the_bytes_are_the_same(
    author: Workspace, market: Marketplace
):
    path = model_file(author, "ink.safetensors")

    document = with_lock(lora_graph("ink.safetensors"), sha256=sha256_of(path), sources=(EARLIER,))
    (model,) = build_lock(document, author).models

    assert model.identity.sources == (EARLIER,)
    assert market.requests == []


def test_sources_of_an_earlier_lock_go_when_the_bytes_are_others(
    author: Workspace, market: Marketplace
):
    path = model_file(author, "ink.safetensors")
    published = market.publish(path, model_name="Ink")

    document = with_lock(lora_graph("ink.safetensors"), sha256=SHA, sources=(EARLIER,))
    (model,) = build_lock(document, author).models

    assert model.identity.sha256 == sha256_of(path)
    assert [source.version_id for source in model.identity.sources] == [published.version_id]


def test_what_the_graph_no_longer_names_leaves_the_lock(author: Workspace):
    document = with_lock(lora_graph("other.safetensors"), sha256=SHA)

    assert [m.identity.name for m in build_lock(document, author).models] == ["other.safetensors"]


@pytest.mark.parametrize("name", ["/home/ann/models/ink.safetensors", "C:\\Users\\ann\\ink.sft"])
def test_a_path_of_this_machine_does_not_enter_the_lock(author: Workspace, name: str):
    model_file(author, "ink.safetensors")

    for document in (power_lora(name), lora_graph(name)):
        (model,) = build_lock(document, author).models

        assert "ann" not in str(model.to_json())
        assert model.identity.name in ("ink.safetensors", "ink.sft")
        assert model.identity.sha256 is None
        assert model.reason == "The workflow names it by its whole path, which only exists here."


def test_secrets_in_an_earlier_locks_sources_do_not_enter_the_lock(
    author: Workspace, market: Marketplace
):
    path = model_file(author, "ink.safetensors")
    source = Source("civitai", EARLIER.url + "?token=hush&fileId=3", version_id=5)
    document = with_lock(lora_graph("ink.safetensors"), sha256=sha256_of(path), sources=(source,))
    absent = with_lock(lora_graph("ink.safetensors"), sha256=SHA, sources=(source,))

    here = build_lock(document, author)
    path.unlink()
    gone = build_lock(absent, author)

    for lock in (here, gone):
        assert "hush" not in str(lock.to_json())
        assert lock.models[0].identity.sources[0].url == EARLIER.url + "?fileId=3"


def test_a_graph_without_models_gives_an_empty_lock(author: Workspace, market: Marketplace):
    assert build_lock(read_json(ui_graph(ui_node(1, "KSampler", [1, "fixed"])), "x"), author) == (
        Lock(())
    )
    assert market.requests == []


def test_a_cancelled_lock_stops(author: Workspace):
    model_file(author, "ink.safetensors")
    cancellation = Cancellation()
    cancellation.cancel()

    with pytest.raises(CancelledError):
        build_lock(lora_graph("ink.safetensors"), author.watched(lambda _: None, cancellation))


def test_a_lock_carries_what_the_marketplace_says_about_a_model(
    author: Workspace, market: Marketplace
):
    path = model_file(author, "ink.safetensors")
    published = market.publish(
        path, model_name="Ink", base_model="SDXL 1.0", trained_words=["ink wash"]
    )

    (model,) = build_lock(lora_graph("ink.safetensors"), author).models

    facts = model.facts
    assert facts.base_model == "SDXL 1.0"
    assert facts.trigger_words == ("ink wash",)
    assert facts.page.startswith(f"https://civitai.com/models/{published.model_id}")
    assert dict(facts.permissions)["allowNoCredit"] in (True, False)
    assert model.to_json()["permissions"] == dict(facts.permissions)


def test_facts_are_asked_for_once(author: Workspace, market: Marketplace):
    market.publish(model_file(author, "ink.safetensors"), model_name="Ink")
    first = build_lock(lora_graph("ink.safetensors"), author)
    market.clear_requests()

    assert build_lock(lora_graph("ink.safetensors"), author) == first
    assert market.requests == []


def test_a_marketplace_that_is_away_costs_the_facts_and_nothing_else(
    author: Workspace, market: Marketplace
):
    path = model_file(author, "ink.safetensors")
    market.stop()

    (model,) = build_lock(lora_graph("ink.safetensors"), author).models

    assert model.identity.sha256 == sha256_of(path)
    assert model.reason.startswith("It could not be looked up: ")


def test_what_an_earlier_lock_alone_knows_stays_while_the_bytes_are_the_same(
    author: Workspace, market: Marketplace
):
    path = model_file(author, "ink.safetensors")
    kept = {"weather": {"of": ["tomorrow"]}}
    for sha256, expected in ((sha256_of(path), kept), (None, kept), (SHA, {})):
        entry = {"name": "ink.safetensors", "directory": "loras", "sha256": sha256, **kept}
        carried = Lock.from_json({"version": 1, "models": [entry], "signature": "x"})

        lock = build_lock(lora_graph("ink.safetensors").with_lock(carried), author)

        assert lock.models[0].more == expected
        assert lock.more == {"signature": "x"}


EMBEDDED = "https://huggingface.co/a/b/resolve/main/ink.safetensors"


@pytest.mark.parametrize(("claimed", "kept"), [(None, True), ("own", True), (SHA, False)])
def test_an_address_that_the_graph_gives_is_a_source_for_what_no_marketplace_has(
    author: Workspace, market: Marketplace, claimed: str | None, kept: bool
):
    path = model_file(author, "ink.safetensors")
    entry = {"name": "ink.safetensors", "url": EMBEDDED + "?token=x", "directory": "loras"}
    if claimed is not None:
        hash_ = sha256_of(path) if claimed == "own" else claimed
        entry |= {"hash": hash_, "hash_type": "SHA256"}
    node = ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1], properties={"models": [entry]})

    (model,) = build_lock(read_json(ui_graph(node), "x.json"), author).models

    assert [source.url for source in model.identity.sources] == ([EMBEDDED] if kept else [])
    assert bool(model.reason) is not kept


def test_what_a_header_claims_to_be_never_reaches_a_lock(
    author: Workspace, market: Marketplace, tmp_path: Path
):
    other = market.publish(
        write_safetensors(tmp_path / "other.safetensors", seed=9), model_name="Other"
    )
    claimed = hash_file(tmp_path / "other.safetensors").autov3
    assert claimed is not None
    path = write_safetensors(
        author.folders.first_root("loras") / "copied.safetensors", seed=1,
        metadata={"sshs_model_hash": claimed + "0" * 52},
    )  # fmt: skip
    local = LocalModel.at("loras", "copied.safetensors", path)
    claim_identities([local], author.catalog)
    assert [claim.hex for claim in author.catalog.notes.claims(local)] == [claimed]

    (model,) = build_lock(lora_graph("copied.safetensors"), author).models

    true = hash_file(path)
    assert (model.identity.sha256, model.identity.autov3) == (true.sha256, true.autov3)
    assert model.identity.autov3 != claimed
    assert model.identity.sources == ()
    assert other.sha256.lower() not in str(model)
