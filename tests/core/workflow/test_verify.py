"""Verifying reads the bytes again, whatever the catalog remembers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.graphs import ui_graph, ui_node
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.cli.texts import verify_text
from satchel.errors import CancelledError
from satchel.identity import ModelIdentity
from satchel.progress import Cancellation
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.plan import plan_document
from satchel.workflow.verify import verify_document
from satchel.workspace import Workspace

VALUE_KEYS = {"name", "directory", "state", "local", "expected", "actual"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path)


@pytest.fixture
def ink(workspace: Workspace) -> Path:
    return write_safetensors(workspace.folders.first_root("loras") / "ink.safetensors", seed=1)


@pytest.fixture
def document(workspace: Workspace, ink: Path) -> WorkflowDocument:
    """A lock for the file as it is now; the catalog knows it already."""
    (local,) = workspace.folders.files(["loras"])
    digests = workspace.library().digests(local)
    assert digests is not None
    identity = ModelIdentity("loras", "ink.safetensors", digests.sha256, digests.size)
    return WorkflowDocument("x.json", lock=Lock((LockedModel(identity),)))


def verified(document: WorkflowDocument, workspace: Workspace) -> dict[str, Any]:
    (model,) = verify_document(document, workspace)
    value = model.to_json()
    assert set(value) == VALUE_KEYS
    return value


def edit_unnoticed(path: Path) -> None:
    """Changes a byte and keeps size and modification time."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_an_untouched_file_is_verified(workspace: Workspace, document: WorkflowDocument):
    value = verified(document, workspace)

    assert (value["state"], value["local"]) == ("verified", "ink.safetensors")
    assert value["expected"] == value["actual"]


def test_an_edit_that_the_catalog_cannot_see_is_found(
    workspace: Workspace, document: WorkflowDocument, ink: Path
):
    edit_unnoticed(ink)
    assert plan_document(document, workspace).ok  # this is what it does not see

    value = verified(document, workspace)

    assert value["state"] == "differs"
    assert value["actual"] not in (None, value["expected"])
    assert not plan_document(document, workspace).ok  # the catalog has learnt


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b""])
def test_a_file_of_another_size_differs(
    workspace: Workspace, document: WorkflowDocument, ink: Path, change: Any
):
    ink.write_bytes(change(ink.read_bytes()))

    assert verified(document, workspace)["state"] == "differs"


def test_a_file_under_another_name_is_renamed(
    workspace: Workspace, document: WorkflowDocument, ink: Path
):
    (ink.parent / "deep").mkdir()
    ink.rename(ink.parent / "deep/other.safetensors")

    value = verified(document, workspace)

    assert (value["state"], value["local"]) == (
        "renamed",
        os.path.join("deep", "other.safetensors"),
    )


def test_a_file_under_another_name_that_was_edited_is_missing(
    workspace: Workspace, document: WorkflowDocument, ink: Path
):
    other = ink.rename(ink.parent / "other.safetensors")
    (local,) = workspace.folders.files(["loras"])
    workspace.library().digests(local)
    edit_unnoticed(other)

    value = verified(document, workspace)

    assert (value["state"], value["local"], value["actual"]) == ("missing", None, None)


def test_the_right_bytes_elsewhere_are_better_news_than_the_wrong_ones_here(
    workspace: Workspace, document: WorkflowDocument, ink: Path
):
    (ink.parent / "good.safetensors").write_bytes(ink.read_bytes())
    edit_unnoticed(ink)

    assert verified(document, workspace)["state"] == "renamed"


def test_a_file_that_is_nowhere_is_missing(
    workspace: Workspace, document: WorkflowDocument, ink: Path
):
    ink.unlink()

    assert verified(document, workspace)["state"] == "missing"


def test_a_name_without_a_digest_cannot_be_verified(workspace: Workspace, ink: Path):
    graph = ui_graph(
        ui_node(1, "LoraLoader", ["ink.safetensors"]), ui_node(2, "VAELoader", ["absent.sft"])
    )

    models = verify_document(read_json(graph, "x"), workspace)

    assert [(model.state, model.actual) for model in models] == [
        ("unpinned", None), ("missing", None),
    ]  # fmt: skip


def test_verifying_can_be_cancelled(workspace: Workspace, document: WorkflowDocument):
    cancellation = Cancellation()
    cancellation.cancel()

    with pytest.raises(CancelledError):
        verify_document(document, workspace.watched(lambda _: None, cancellation))


def test_a_file_in_another_folder_is_verified_and_its_place_is_told(
    workspace: Workspace, document: WorkflowDocument, ink: Path
):
    ink.parent.joinpath("style").mkdir()
    ink.rename(ink.parent / "style" / ink.name)

    value = verified(document, workspace)
    (model,) = verify_document(document, workspace)

    assert (value["state"], value["local"]) == ("verified", os.path.join("style", ink.name))
    assert f"here as {value['local']}" in verify_text(Path("x.json"), [model])
