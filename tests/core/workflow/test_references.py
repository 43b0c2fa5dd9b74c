"""Sources that an author gives: taken when they serve the very same bytes, refused otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.graphs import stack_values, ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.errors import HashMismatchError, InvalidInputError
from satchel.references import parse_reference
from satchel.workflow.author import build_lock
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.references import with_references
from satchel.workspace import Workspace

NAME = "ink.safetensors"
KEY = ("loras", NAME)


@pytest.fixture
def document() -> WorkflowDocument:
    return read_json(ui_graph(ui_node(1, "SatchelLoraStack", stack_values(f"art/{NAME}"))), "x")


def ink(workspace: Workspace, seed: int = 1) -> Path:
    return write_safetensors(workspace.folders.first_root("loras") / "art" / NAME, seed=seed)


def test_a_source_of_the_same_bytes_is_taken_over(
    author: Workspace, market: Marketplace, document: WorkflowDocument
):
    path = ink(author)
    lock = build_lock(document, author)
    published = market.publish(path, model_name="Ink")
    assert lock.models[0].reason != ""

    (model,) = with_references(lock, {KEY: parse_reference(published.air)}, author).models

    assert model.reason == ""
    assert model.identity.name == f"art/{NAME}"
    assert model.identity.sha256 == lock.models[0].identity.sha256
    assert model.identity.sources[0].version_id == published.version_id


def test_a_source_of_other_bytes_is_refused_with_both_digests(
    author: Workspace, market: Marketplace, document: WorkflowDocument, tmp_path: Path
):
    ink(author)
    other = market.publish(
        write_safetensors(tmp_path / "other.safetensors", seed=9), model_name="O"
    )
    lock = build_lock(document, author)

    with pytest.raises(HashMismatchError) as caught:
        with_references(lock, {KEY: parse_reference(other.air)}, author)

    assert caught.value.details["expected"] == lock.models[0].identity.sha256
    assert caught.value.details["actual"] in str(caught.value)


def test_a_model_that_is_not_here_is_pinned_by_what_the_source_says(
    author: Workspace, market: Marketplace, document: WorkflowDocument, tmp_path: Path
):
    published = market.publish(write_safetensors(tmp_path / NAME, seed=3), model_name="Ink")
    lock = build_lock(document, author)
    assert lock.models[0].identity.sha256 is None

    (model,) = with_references(lock, {KEY: parse_reference(published.air)}, author).models

    assert model.identity.sha256 == published.hashes["SHA256"].lower()
    assert model.identity.name == f"art/{NAME}"


def test_a_source_for_a_model_that_the_workflow_does_not_name_is_refused(
    author: Workspace, market: Marketplace, document: WorkflowDocument
):
    published = market.publish(ink(author), model_name="Ink")
    lock = build_lock(document, author)

    with pytest.raises(InvalidInputError, match="names no loras/other"):
        with_references(
            lock, {("loras", "other.safetensors"): parse_reference(published.air)}, author
        )
