"""One zip with a whole workflow: what is in it, and that it installs without a network."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, subgraph, ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.errors import CancelledError, HashMismatchError, LockVersionError, UnsafePathError
from satchel.identity import Source
from satchel.progress import Cancellation, Progress
from satchel.workflow.author import build_lock
from satchel.workflow.bundle import bundle_contents, input_names, write_bundle
from satchel.workflow.bundle_inputs import inputs_to_write, place_inputs
from satchel.workflow.documents import WorkflowDocument, read_bytes, read_file, read_json
from satchel.workflow.export import export
from satchel.workflow.install import install
from satchel.workflow.plan import plan_document
from satchel.workspace import Workspace


def graph() -> WorkflowDocument:
    loader = ui_node(1, "LoraLoader", ["styles/ink.safetensors", 1, 1])
    return read_json(ui_graph(loader, ui_node(2, "LoadImage", ["cat.png", "image"])), "g.json")


def packed(
    workspace: Workspace, target: Path, *, with_models: bool = True, inputs: Path | None = None
) -> list[str]:
    """Writes the bundle of `graph()`; returns what was left out."""
    portable = export(graph(), build_lock(graph(), workspace))
    contents = bundle_contents("g", portable, workspace, inputs=inputs, with_models=with_models)
    write_bundle(target, contents)
    return contents.left_out


@pytest.fixture
def ink(author: Workspace) -> Path:
    return write_safetensors(author.folders.first_root("loras") / "styles/ink.safetensors", seed=1)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"a cat")
    return folder


def test_a_bundle_holds_graph_lock_inputs_and_models(
    author: Workspace, ink: Path, inputs: Path, tmp_path: Path
):
    left_out = packed(author, tmp_path / "g.zip", inputs=inputs)

    with zipfile.ZipFile(tmp_path / "g.zip") as archive:
        assert archive.namelist() == [
            "g.json", "g.lock.json", "input/cat.png", "models/loras/ink.safetensors",
        ]  # fmt: skip
        assert archive.read("input/cat.png") == b"a cat"
        assert archive.read("models/loras/ink.safetensors") == ink.read_bytes()
    assert left_out == []
    document = read_file(tmp_path / "g.zip")
    assert document.lock is not None
    assert document.lock.models[0].identity.name == "ink.safetensors"


def test_two_bundles_of_the_same_things_are_the_same_bytes(
    author: Workspace, ink: Path, inputs: Path, tmp_path: Path
):
    packed(author, tmp_path / "a.zip", inputs=inputs)
    ink.touch()
    packed(author, tmp_path / "b.zip", inputs=inputs)

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_is_not_here_is_told(author: Workspace, tmp_path: Path):
    left_out = packed(author, tmp_path / "g.zip", inputs=tmp_path)

    assert (
        left_out
        == [
            "The input cat.png is not here, so it is not in the bundle.",
            "styles/ink.safetensors is not here as pinned, so it is left out.",
        ]
        or "ink.safetensors is not here" in left_out[1]
    )
    with zipfile.ZipFile(tmp_path / "g.zip") as archive:
        assert archive.namelist() == ["g.json", "g.lock.json"]


def test_an_input_that_a_link_leads_out_is_left_out(
    author: Workspace, ink: Path, inputs: Path, tmp_path: Path
):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (inputs / "cat.png").unlink()
    (inputs / "cat.png").symlink_to(tmp_path / "secret.png")

    left_out = packed(author, tmp_path / "g.zip", inputs=inputs)

    assert len(left_out) == 1
    assert b"secret" not in (tmp_path / "g.zip").read_bytes()


def test_a_recipient_installs_from_the_bundle_and_asks_nobody(
    author: Workspace, recipient: Workspace, market: Marketplace, ink: Path, tmp_path: Path
):
    packed(author, tmp_path / "g.zip")
    market.clear_requests()
    document = read_file(tmp_path / "g.zip")

    plan = plan_document(document, recipient)
    (model,) = plan.to_json()["models"]
    imported = install(document, plan, recipient)

    assert (model["state"], model["source"], model["fetch"]) == ("missing", "bundle", True)
    assert imported.plan.ok
    installed = recipient.folders.first_root("loras") / "ink.safetensors"
    assert installed.read_bytes() == ink.read_bytes()
    assert [path.name for path in installed.parent.iterdir()] == ["ink.safetensors"]
    assert market.requests == []


def test_bytes_of_a_bundle_install_too(
    author: Workspace, recipient: Workspace, ink: Path, tmp_path: Path
):
    packed(author, tmp_path / "g.zip")
    document = read_bytes((tmp_path / "g.zip").read_bytes(), "upload.zip")

    assert install(document, plan_document(document, recipient), recipient).plan.ok


def test_a_bundle_serves_a_model_whose_source_is_not_allowed(
    author: Workspace, recipient: Workspace, ink: Path, tmp_path: Path
):
    packed(author, tmp_path / "g.zip")
    document = read_file(tmp_path / "g.zip")
    assert document.lock is not None
    (model,) = document.lock.models
    evil = (Source("https", "https://evil.example/ink.safetensors"),)
    model = replace(model, identity=replace(model.identity, sources=evil))
    document = replace(document, lock=replace(document.lock, models=(model,)))

    plan = plan_document(document, recipient)

    assert plan.models[0].source == "bundle"
    assert install(document, plan, recipient).plan.ok


def forged(path: Path, original: Path) -> bytes:
    """The bundle with another model of the same size in the place of the pinned one."""
    other = original.read_bytes()[:-1] + b"?"
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["models/loras/ink.safetensors"] = other
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return other


def test_a_model_with_other_bytes_is_refused_and_leaves_nothing(
    author: Workspace, recipient: Workspace, ink: Path, tmp_path: Path
):
    packed(author, tmp_path / "g.zip")
    forged(tmp_path / "g.zip", ink)
    document = read_file(tmp_path / "g.zip")

    with pytest.raises(HashMismatchError) as caught:
        install(document, plan_document(document, recipient), recipient)

    assert caught.value.details["expected"] == hashlib.sha256(ink.read_bytes()).hexdigest()
    assert list(recipient.folders.first_root("loras").iterdir()) == []


def test_a_model_with_other_bytes_is_fetched_from_its_source_instead(
    author: Workspace, recipient: Workspace, market: Marketplace, ink: Path, tmp_path: Path
):
    market.publish(ink, model_name="Ink")
    packed(author, tmp_path / "g.zip")
    forged(tmp_path / "g.zip", ink)
    document = read_file(tmp_path / "g.zip")

    imported = install(document, plan_document(document, recipient), recipient)

    assert imported.plan.ok
    installed = recipient.folders.first_root("loras") / "ink.safetensors"
    assert installed.read_bytes() == ink.read_bytes()


def test_a_file_of_that_name_is_kept(
    author: Workspace, recipient: Workspace, ink: Path, tmp_path: Path
):
    mine = recipient.folders.first_root("loras") / "ink.safetensors"
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_bytes(b"mine")
    packed(author, tmp_path / "g.zip")
    document = read_file(tmp_path / "g.zip")

    imported = install(document, plan_document(document, recipient), recipient)

    assert mine.read_bytes() == b"mine"
    sha256 = hashlib.sha256(ink.read_bytes()).hexdigest()
    assert [entry.name for entry in imported.installed] == [f"ink-{sha256[:8]}.safetensors"]


@pytest.mark.parametrize(
    ("class_type", "value", "expected"),
    [
        ("LoadImage", "cat.png", ["cat.png"]),
        ("LoadImageMask", "sub\\cat.png", ["sub/cat.png"]),
        ("LoadImage", "cat.png [input]", ["cat.png"]),
        ("LoadImage", "cat.png [output]", []),
        ("VHS_LoadVideo", "clip.mp4", ["clip.mp4"]),
        ("LoadImage", "../../etc/x.png", []),
        ("LoadImage", "/etc/x.png", []),
        ("LoadImage", "cat", []),
        ("SaveImage", "cat.png", []),
        ("LoraLoader", "ink.safetensors", []),
    ],
)
def test_which_values_are_inputs(class_type: str, value: str, expected: list[str]):
    forms: list[Any] = [
        ui_graph(ui_node(1, class_type, [value, 5])),
        ui_graph(ui_node(1, class_type, {"image": value})),
        ui_graph(subgraphs=[subgraph(ui_node(1, class_type, [value]))]),
        api_graph(api_node(class_type, image=value)),
    ]

    assert [input_names(read_json(form, "x")) for form in forms] == [expected] * 4


# --- inputs on the server ------------------------------------------------------------------------


def bundled(tmp_path: Path, value: str = "cat.png") -> WorkflowDocument:
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.api.json", json.dumps(api_graph(api_node("LoadImage", image=value))))
        archive.writestr("input/cat.png", b"a cat")
        archive.writestr("input/unused.png", b"a dog")
    return read_file(path)


@pytest.mark.parametrize(
    ("here", "name"),
    [
        ({}, "cat.png"),
        ({"cat.png": b"a cat"}, "cat.png"),
        ({"cat.png": b"other"}, "cat (1).png"),
        ({"cat.png": b"other", "cat (1).png": b"a cat"}, "cat (1).png"),
        ({"cat.png": b"other", "cat (1).png": b"more!"}, "cat (2).png"),
    ],
)
def test_an_input_is_placed_beside_what_is_there(tmp_path: Path, here: dict[str, bytes], name: str):
    folder = tmp_path / "input"
    folder.mkdir()
    for known, content in here.items():
        (folder / known).write_bytes(content)
    document = bundled(tmp_path)

    placed = place_inputs(document, folder)

    assert placed.api is not None
    assert placed.api["1"]["inputs"]["image"] == name
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {**here, name: b"a cat"}
    assert document.api == bundled(tmp_path).api  # what was handed in is unchanged


def test_a_link_in_the_input_folder_is_not_followed(tmp_path: Path):
    (tmp_path / "input").mkdir()
    (tmp_path / "input/cat.png").symlink_to(tmp_path / "elsewhere.png")

    with pytest.raises(UnsafePathError):
        place_inputs(bundled(tmp_path), tmp_path / "input")

    assert not (tmp_path / "elsewhere.png").exists()


def test_an_input_that_gets_another_name_has_it_in_a_ui_graph_and_its_subgraphs_too(
    tmp_path: Path,
):
    folder = tmp_path / "input"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"other")
    inner = subgraph(ui_node(7, "LoadImage", ["cat.png", "image"]))
    ui = ui_graph(
        ui_node(1, "LoadImage", ["cat.png [input]", "image"]),
        ui_node(2, "PrimitiveString", ["cat.png"]),
        ui_node(3, "LoadImageMask", {"image": "cat.png"}),
    )
    ui["definitions"] = {"subgraphs": [inner]}
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b.json", json.dumps(ui))
        archive.writestr("input/cat.png", b"a cat")
    document = read_file(path)

    assert list(inputs_to_write(document, folder)) == ["cat.png"]
    placed = place_inputs(document, folder).ui

    assert placed is not None
    values = [node["widgets_values"] for node in placed["nodes"]]
    assert values == [["cat (1).png", "image"], ["cat.png"], {"image": "cat (1).png"}]
    (found,) = placed["definitions"]["subgraphs"]
    assert found["nodes"][0]["widgets_values"] == ["cat (1).png", "image"]


def test_an_input_that_is_here_as_it_is_need_not_be_written(tmp_path: Path):
    document = bundled(tmp_path)
    folder = tmp_path / "input"
    assert list(inputs_to_write(document, folder)) == ["cat.png"]

    place_inputs(document, folder)

    assert inputs_to_write(document, folder) == {}


def test_packing_tells_how_far_it_is_and_can_be_stopped(
    author: Workspace, ink: Path, tmp_path: Path
):
    portable = export(graph(), build_lock(graph(), author))
    contents = bundle_contents("g", portable, author, inputs=None, with_models=True)
    told: list[Progress] = []
    cancellation = Cancellation()

    write_bundle(tmp_path / "g.zip", contents, author.watched(told.append, cancellation))
    cancellation.cancel()
    with pytest.raises(CancelledError):
        write_bundle(tmp_path / "no.zip", contents, author.watched(told.append, cancellation))

    assert [(each.state, each.done, each.total) for each in told] == [
        ("packing", ink.stat().st_size, ink.stat().st_size)
    ]
    assert [path.name for path in tmp_path.glob("*.zip")] == ["g.zip"]


@pytest.mark.parametrize("name", ["portrait.lock.json", "a.lock.json"])
def test_a_newer_lock_beside_the_graph_of_a_bundle_is_no_reason_to_refuse_it(
    tmp_path: Path, name: str
):
    newer = {"version": 2, "models": []}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, json.dumps(newer))
        archive.writestr("portrait.json", json.dumps(ui_graph(extra={"satchel": newer})))

    document = read_file(tmp_path / "x.zip")

    assert document.ui is not None
    assert (document.lock, document.newer_lock) == (None, newer)


def test_a_bundle_of_nothing_but_a_newer_lock_says_so(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("portrait.lock.json", '{"version": 2, "models": []}')

    with pytest.raises(LockVersionError):
        read_file(tmp_path / "x.zip")
