"""Carrying out a plan: what arrives, what is rewritten, what is left when something fails."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, png_image, stack_values, ui_graph, ui_node
from support.marketplace import Marketplace, Published
from support.models import write_safetensors

from satchel.errors import (
    CancelledError,
    HashMismatchError,
    LoginRequiredError,
    SatchelError,
)
from satchel.progress import Cancellation, Progress
from satchel.workflow.author import build_lock
from satchel.workflow.documents import WorkflowDocument, read_bytes
from satchel.workflow.export import export
from satchel.workflow.install import Imported, install
from satchel.workflow.plan import plan_document
from satchel.workspace import Workspace

SHAPES = {"weight": (64, 64)}


@pytest.fixture
def published(author: Workspace, market: Marketplace) -> dict[str, Published]:
    """Three models of the author, all on the marketplace."""
    found = {}
    for seed, (kind, name) in enumerate(
        [("loras", "style/ink.sft"), ("loras", "wash.sft"), ("vae", "v.sft")]
    ):
        path = write_safetensors(author.folders.first_root(kind) / name, SHAPES, seed=seed)
        found[path.name] = market.publish(path, model_name=path.stem)
    return found


@pytest.fixture
def document(author: Workspace, published: dict[str, Published]) -> WorkflowDocument:
    """The image that the author exported."""
    ui = ui_graph(
        ui_node(1, "SatchelLoraStack", stack_values("style/ink.sft", "wash.sft")),
        ui_node(2, "VAELoader", ["v.sft"]),
    )
    api = api_graph(
        api_node("SatchelLoraStack", lora_1="style/ink.sft", lora_2="wash.sft"),
        api_node("VAELoader", vae_name="v.sft"),
    )
    original = read_bytes(png_image(texts={"prompt": api, "workflow": ui}), "cat.png")
    image = export(original, build_lock(original, author)).document.image
    assert image is not None
    return read_bytes(image, "cat.png")


def run(document: WorkflowDocument, workspace: Workspace) -> Imported:
    return install(document, plan_document(document, workspace), workspace)


def files(workspace: Workspace) -> list[str]:
    """Everything in the model folders, unfinished files included, except what was set aside."""
    roots = {root.parent for roots in workspace.folders.roots.values() for root in roots}
    return sorted(
        path.relative_to(root).as_posix()
        for root in roots
        for path in root.rglob("*")
        if path.is_file() and path.suffix != ".quarantine"
    )


def copy_model(author: Workspace, recipient: Workspace, name: str, to: str) -> Path:
    target = recipient.folders.first_root("loras") / to
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((author.folders.first_root("loras") / name).read_bytes())
    return target


def test_what_is_missing_is_fetched_and_the_graphs_name_what_is_here(
    author: Workspace, recipient: Workspace, market: Marketplace, document: WorkflowDocument
):
    copy_model(author, recipient, "wash.sft", "mine/other.sft")

    imported = run(document, recipient)

    assert files(recipient) == ["loras/ink.sft", "loras/mine/other.sft", "vae/v.sft"]
    other = os.path.join("mine", "other.sft")
    assert imported.plan.ok
    assert [model.state for model in imported.plan.models] == ["present", "renamed", "present"]
    assert [entry.to_json()["name"] for entry in imported.installed] == ["ink.sft", "v.sft"]
    assert imported.document.api == api_graph(
        api_node("SatchelLoraStack", lora_1="ink.sft", lora_2=other),
        api_node("VAELoader", vae_name="v.sft"),
    )
    assert imported.document.ui is not None
    stack = imported.document.ui["nodes"][0]
    assert stack["widgets_values"] == stack_values("ink.sft", other)
    assert [model["name"] for model in stack["properties"]["models"]] == ["ink.sft", other]
    carried = imported.document.ui["extra"]["satchel"]["models"]
    assert [model["name"] for model in carried] == ["ink.sft", "mine/other.sft", "v.sft"]
    assert [change.new for change in imported.rewrites] == [other]


def test_what_arrived_is_what_the_author_had(
    author: Workspace, recipient: Workspace, document: WorkflowDocument
):
    imported = run(document, recipient)

    for entry in imported.installed:
        content = (recipient.folders.first_root(entry.kind) / entry.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry.sha256
        assert len(content) == entry.bytes
        assert content == next(author.folders.first_root(entry.kind).rglob(entry.name)).read_bytes()


def test_the_result_has_the_agreed_shape(recipient: Workspace, document: WorkflowDocument):
    value = json.loads(json.dumps(run(document, recipient).to_json()))

    assert set(value) == {"plan", "installed", "graph", "prompt", "rewrites"}
    assert value["plan"]["ok"] is True
    assert value["plan"]["bytes_to_fetch"] == 0
    assert set(value["installed"][0]) == {"directory", "name", "sha256", "bytes"}


def test_of_what_is_missing_only_what_was_chosen_is_fetched(
    recipient: Workspace, document: WorkflowDocument
):
    plan = plan_document(document, recipient)
    chosen, *others = plan.to_fetch

    imported = install(document, plan, recipient, only={chosen.model.key})

    assert [one.name for one in imported.installed] == [chosen.model.identity.name]
    assert imported.plan.to_fetch == others
    assert install(document, plan, recipient, only=()).installed == ()


def test_a_second_run_fetches_and_asks_nothing(
    recipient: Workspace, market: Marketplace, document: WorkflowDocument
):
    first = run(document, recipient)
    market.clear_requests()

    second = run(document, recipient)

    assert market.requests == []
    assert second.installed == ()
    assert second.document == first.document
    # what was just downloaded is not hashed once more
    seen: list[Progress] = []
    run(document, recipient.watched(seen.append))
    assert not [step for step in seen if step.state == "hashing" and step.done]


def test_a_name_that_another_file_has_stays_that_files(
    recipient: Workspace, document: WorkflowDocument
):
    taken = recipient.folders.first_root("loras") / "ink.sft"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"somebody's own")

    imported = run(document, recipient)

    assert taken.read_bytes() == b"somebody's own"
    sha256 = next(entry.sha256 for entry in imported.installed if "ink" in entry.name)
    name = f"ink-{sha256[:8]}.sft"
    assert (taken.parent / name).is_file()
    assert imported.document.api is not None
    assert imported.document.api["1"]["inputs"]["lora_1"] == name
    assert plan_document(imported.document, recipient).ok
    assert plan_document(document, recipient).models[0].state == "renamed"


def test_one_failure_keeps_the_others_and_reports_all(
    recipient: Workspace, market: Marketplace, document: WorkflowDocument,
    published: dict[str, Published],
):  # fmt: skip
    market.fault("wrong_bytes", times=None, match=published["ink.sft"])
    market.fault("redirect_private", times=None, match=published["v.sft"])

    with pytest.raises(SatchelError) as failed:
        run(document, recipient)

    assert isinstance(failed.value, HashMismatchError)
    assert [(f["name"], f["code"]) for f in failed.value.details["failed"]] == [
        ("ink.sft", "hash_mismatch"), ("v.sft", "forbidden_url"),
    ]  # fmt: skip
    assert files(recipient) == ["loras/wash.sft"]
    json.dumps(failed.value.to_json())

    market.clear_faults()
    assert [entry.name for entry in run(document, recipient).installed] == ["ink.sft", "v.sft"]


def test_bytes_that_are_wanted_under_two_names_come_once(
    author: Workspace, recipient: Workspace, market: Marketplace, published: dict[str, Published]
):
    loras = author.folders.first_root("loras")
    (loras / "again").mkdir()
    (loras / "again/ink.sft").write_bytes((loras / "style/ink.sft").read_bytes())
    graph = ui_graph(ui_node(1, "SatchelLoraStack", stack_values("style/ink.sft", "again/ink.sft")))
    original = read_bytes(json.dumps(graph).encode(), "x.json")
    document = export(original, build_lock(original, author)).document

    plan = plan_document(document, recipient)
    imported = install(document, plan, recipient)

    assert plan.bytes_to_fetch == published["ink.sft"].size
    assert [model.state for model in imported.plan.models] == ["present", "renamed"]
    assert files(recipient) == ["loras/ink.sft"]
    assert imported.document.ui is not None
    values = imported.document.ui["nodes"][0]["widgets_values"]
    assert values == stack_values("ink.sft", "ink.sft")
    assert len(imported.document.ui["extra"]["satchel"]["models"]) == 1


@pytest.mark.parametrize("fault", ["wrong_bytes", "wrong_length"])
def test_other_bytes_than_the_lock_says_leave_nothing_that_a_loader_lists(
    recipient: Workspace, market: Marketplace, document: WorkflowDocument, fault: str
):
    market.fault(fault, times=None)

    with pytest.raises(SatchelError) as failed:
        run(document, recipient)

    assert len(failed.value.details["failed"]) == 3
    assert files(recipient) == []


def test_a_lock_with_a_wrong_hash_leaves_nothing_on_the_disk(
    recipient: Workspace, market: Marketplace, document: WorkflowDocument
):
    assert document.ui is not None
    text = json.dumps(document.ui)
    for model in document.ui["extra"]["satchel"]["models"]:
        text = text.replace(model["sha256"], model["sha256"][::-1])
    lying = read_bytes(text.encode(), "x.json")

    imported = run(lying, recipient)

    assert [model.state for model in imported.plan.models] == ["gone"] * 3
    assert imported.installed == ()
    assert files(recipient) == []
    assert not any("download" in request.path for request in market.requests)


def test_what_needs_a_login_is_not_tried(
    author: Workspace, recipient: Workspace, market: Marketplace
):
    path = write_safetensors(author.folders.first_root("loras") / "secret.sft", seed=9)
    market.publish(path, model_name="Secret", require_login=True)
    graph = ui_graph(ui_node(1, "LoraLoader", ["secret.sft", 1, 1]))
    document = read_bytes(json.dumps(graph).encode(), "x.json")
    locked = export(document, build_lock(document, author)).document

    imported = run(locked, recipient)

    assert [model.state for model in imported.plan.models] == ["login"]
    assert not imported.plan.ok
    assert files(recipient) == []
    assert not any("download" in request.path for request in market.requests)


def test_a_login_that_only_the_download_asks_for_is_an_error(
    recipient: Workspace, market: Marketplace, document: WorkflowDocument,
    published: dict[str, Published], tmp_path: Path, author: Workspace,
):  # fmt: skip
    market.fault("status", status=401, times=None, match=published["ink.sft"])

    with pytest.raises(LoginRequiredError):
        run(document, recipient)

    assert files(recipient) == ["loras/wash.sft", "vae/v.sft"]


def test_a_cancelled_install_keeps_what_arrived_and_goes_on_from_there(
    recipient: Workspace, market: Marketplace, document: WorkflowDocument
):
    cancellation = Cancellation()

    def stop_in_the_second_file(progress: Progress) -> None:
        if progress.state == "downloading" and progress.files_done == 1:
            cancellation.cancel()

    plan = plan_document(document, recipient)
    with pytest.raises(CancelledError):
        install(document, plan, recipient.watched(stop_in_the_second_file, cancellation))

    finished = [name for name in files(recipient) if name.endswith(".sft")]
    assert finished[0] == "loras/ink.sft"
    assert len(finished) < 3
    assert run(document, recipient).plan.ok
    assert files(recipient) == ["loras/ink.sft", "loras/wash.sft", "vae/v.sft"]


def test_progress_counts_files_and_bytes(recipient: Workspace, document: WorkflowDocument):
    seen: list[Progress] = []

    plan = plan_document(document, recipient)
    install(document, plan, recipient.watched(seen.append))

    downloads = [step for step in seen if step.state == "downloading"]
    assert {step.files_total for step in downloads} == {3}
    assert sorted({step.files_done for step in downloads}) == [0, 1, 2]
    for name in ("ink.sft", "wash.sft", "v.sft"):
        last = [step for step in downloads if step.name == name][-1]
        assert last.done == last.total > 0


def test_nothing_to_fetch_is_no_failure(author: Workspace, market: Marketplace):
    graph: dict[str, Any] = ui_graph(ui_node(1, "KSampler", [1, "fixed"]))

    imported = run(read_bytes(json.dumps(graph).encode(), "x.json"), author)

    assert imported.plan.ok
    assert imported.document.ui == graph
    assert market.requests == []


def test_a_hostile_name_writes_nothing_anywhere(
    recipient: Workspace, market: Marketplace, document: WorkflowDocument, tmp_path: Path
):
    before = sorted(tmp_path.rglob("*"))
    assert document.ui is not None
    hostile = json.loads(json.dumps(document.ui["extra"]["satchel"]))
    for model, name in zip(
        hostile["models"], ["../../x.sft", "/tmp/x.sft", "a/../../../x.sft"], strict=True
    ):
        model["name"] = name

    imported = run(read_bytes(json.dumps(hostile).encode(), "x.lock.json"), recipient)

    assert [model.state for model in imported.plan.models] == ["refused"] * 3
    after = [path for path in sorted(tmp_path.rglob("*")) if "catalog" not in path.name]
    assert [path for path in after if path not in before] == []
