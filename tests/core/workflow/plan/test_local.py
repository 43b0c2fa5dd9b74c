"""What would have to happen for a model: it is here, under its name or another."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.marketplace import Marketplace, Published
from support.plans import is_known, planned, put, source, wanting
from support.workspaces import make_workspace

from satchel.workflow.plan import plan_document
from satchel.workspace import Workspace

# --- what is here --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "wanted", "state"),
    [
        ("ink.safetensors", "ink.safetensors", "present"),
        ("a/ink.safetensors", "a/ink.safetensors", "present"),
        ("a/ink.safetensors", "a\\ink.safetensors", "present"),
        ("a/ink.safetensors", "ink.safetensors", "present"),
        ("ink.safetensors", "b\\ink.safetensors", "present"),
        ("mine/other.safetensors", "ink.safetensors", "renamed"),
    ],
)
def test_a_model_that_is_here(
    recipient: Workspace, market: Marketplace, ink: Path, here: str, wanted: str, state: str
):
    put(recipient, here, ink.read_bytes())

    plan = plan_document(wanting(ink, name=wanted), recipient)

    model = plan.models[0].to_json()
    assert (model["state"], model["local"]) == (state, here.replace("/", os.sep))
    assert model["bytes"] == ink.stat().st_size
    assert (plan.ok, plan.installable, plan.bytes_to_fetch) == (True, False, 0)
    assert market.requests == []


def test_a_model_under_another_root_of_its_kind_is_found(tmp_path: Path, ink: Path):
    workspace = make_workspace(tmp_path / "recipient")
    second = tmp_path / "second"
    (second / "deep").mkdir(parents=True)
    (second / "deep/other.safetensors").write_bytes(ink.read_bytes())
    roots = {**workspace.folders.roots, "loras": (*workspace.folders.roots["loras"], second)}
    folders = replace(workspace.folders, roots=roots)

    model = planned(wanting(ink), replace(workspace, folders=folders))

    assert (model["state"], model["local"]) == (
        "renamed",
        os.path.join("deep", "other.safetensors"),
    )


def test_the_same_bytes_in_the_folder_of_another_kind_do_not_count(recipient: Workspace, ink: Path):
    put(recipient, "ink.safetensors", ink.read_bytes(), kind="vae")

    assert planned(wanting(ink), recipient)["state"] == "missing"


def test_a_file_of_that_name_with_other_bytes_is_not_taken(
    recipient: Workspace, published: Published, ink: Path
):
    other = ink.read_bytes()[:-1] + b"?"
    put(recipient, "ink.safetensors", other)

    model = planned(wanting(ink, source(published)), recipient)

    assert (model["state"], model["local"]) == ("missing", None)


def test_only_files_of_the_right_size_are_hashed(recipient: Workspace, ink: Path):
    shorter = put(recipient, "shorter.safetensors", ink.read_bytes()[:-1])
    longer = put(recipient, "ink.safetensors", ink.read_bytes() + b"x")
    same_size = put(recipient, "same.safetensors", b"x" * ink.stat().st_size)

    planned(wanting(ink), recipient)

    assert [is_known(recipient, path) for path in (shorter, longer, same_size)] == [
        False, False, True,
    ]  # fmt: skip


def test_without_a_size_only_the_file_of_that_name_is_hashed(recipient: Workspace, ink: Path):
    named = put(recipient, "ink.safetensors", b"x" * 100)
    other = put(recipient, "other.safetensors", ink.read_bytes())

    model = planned(wanting(ink, size=None), recipient)

    assert model["state"] == "missing"
    assert [is_known(recipient, path) for path in (named, other)] == [True, False]
    for local in recipient.folders.files(["loras"]):
        recipient.library().digests(local)
    assert planned(wanting(ink, size=None), recipient)["state"] == "renamed"


def test_a_model_whose_bytes_nobody_pinned_is_present_by_its_name(recipient: Workspace, ink: Path):
    path = put(recipient, "ink.safetensors", ink.read_bytes())

    model = planned(wanting(None), recipient)

    assert (model["state"], model["reason"]) == (
        "present",
        "It is here by name; the workflow does not say which bytes it needs.",
    )
    assert not is_known(recipient, path)


def test_a_model_whose_bytes_nobody_pinned_is_missing_when_it_is_not_here(recipient: Workspace):
    model = planned(wanting(None), recipient)

    assert model["state"] == "missing"
    assert model["reason"] == "The workflow does not say which bytes it needs."


def test_a_file_of_that_name_with_other_bytes_is_mentioned(
    recipient: Workspace, published: Published, ink: Path
):
    put(recipient, "ink.safetensors", b"something else")

    model = planned(wanting(ink, source(published)), recipient)

    assert (model["state"], model["fetch"]) == ("missing", True)
    assert "with other bytes" in model["reason"]


# --- a quick look --------------------------------------------------------------------------------


def test_a_quick_plan_reads_nothing_and_asks_nobody(
    recipient: Workspace, market: Marketplace, published: Published, ink: Path
):
    same_name = put(recipient, "ink.safetensors", ink.read_bytes())
    other = put(recipient, "other.safetensors", ink.read_bytes())

    present = planned(wanting(ink, source(published)), recipient, quick=True)
    missing = planned(wanting(ink, source(published), name="new.sft"), recipient, quick=True)
    sourceless = planned(wanting(ink, name="new.sft"), recipient, quick=True)

    assert present["state"] == "present"
    assert (missing["state"], missing["source"]) == ("missing", "civitai.com")
    assert sourceless["state"] == "missing"
    assert market.requests == []
    assert not is_known(recipient, same_name)
    assert not is_known(recipient, other)


def test_a_quick_plan_does_not_take_a_file_of_another_size(recipient: Workspace, ink: Path):
    put(recipient, "ink.safetensors", b"short")

    assert planned(wanting(ink), recipient, quick=True)["state"] == "missing"


def test_a_quick_plan_uses_what_is_known(recipient: Workspace, ink: Path):
    put(recipient, "other.safetensors", ink.read_bytes())
    put(recipient, "ink.safetensors", b"x" * ink.stat().st_size)
    for local in recipient.folders.files(["loras"]):
        recipient.library().digests(local)

    model = planned(wanting(ink), recipient, quick=True)

    assert (model["state"], model["local"]) == ("renamed", "other.safetensors")
