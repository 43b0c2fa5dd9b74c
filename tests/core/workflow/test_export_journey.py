"""Exporting an image, again, by a recipient, and with a lock of a newer Satchel."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from support.exports import TOKEN, TOKENISED, locked, lora_node
from support.graphs import api_graph, api_node, embedded, png_image, text_chunk, ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.workflow.author import build_lock
from satchel.workflow.containers import png
from satchel.workflow.documents import WorkflowDocument, read_bytes, read_json
from satchel.workflow.export import PortableWorkflow, export
from satchel.workflow.lock import Lock
from satchel.workflow.plan import plan_document
from satchel.workflow.rewrite import rewrite
from satchel.workspace import Workspace


@pytest.fixture
def journey(
    author: Workspace, market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> WorkflowDocument:
    """An image with both graphs; its models are here, and one of the three is published."""
    monkeypatch.setenv("CIVITAI_API_TOKEN", TOKEN)
    roots = {kind: author.folders.first_root(kind) for kind in ("loras", "vae")}
    ink = write_safetensors(roots["loras"] / "style/ink.safetensors", seed=1)
    write_safetensors(roots["vae"] / "private.safetensors", seed=2)
    market.publish(ink, model_name="Ink")
    ui = ui_graph(
        lora_node("style/ink.safetensors", "absent.safetensors",
                  **embedded("x.safetensors", TOKENISED[0])),
        ui_node(2, "VAELoader", ["private.safetensors"]),
    )  # fmt: skip
    api = api_graph(
        api_node("SatchelLoraStack", lora_1="style/ink.safetensors", lora_2="absent.safetensors"),
        api_node("VAELoader", vae_name="private.safetensors"),
    )
    image = png_image(text_chunk("parameters", "a cat"), texts={"prompt": api, "workflow": ui})
    return read_bytes(image, "cat.png")


def exported_by(workspace: Workspace, document: WorkflowDocument) -> PortableWorkflow:
    return export(document, build_lock(document, workspace, {"comfyui": "0.30.0"}))


def test_an_image_carries_prompt_workflow_and_lock(author: Workspace, journey: WorkflowDocument):
    portable = exported_by(author, journey)

    image = portable.document.image
    assert image is not None
    texts = {key: json.loads(text) for key, text in png.read_texts(image).items()
             if key != "parameters"}  # fmt: skip
    assert texts == {
        "prompt": portable.document.api,
        "workflow": portable.document.ui,
        "satchel": portable.lock.to_json(),
    }
    assert png.read_texts(image)["parameters"] == "a cat"
    assert journey.image is not None
    assert png.pixel_data(image) == png.pixel_data(journey.image)
    again = read_bytes(image, "cat.png")
    assert again.lock is not None
    assert again.lock.to_json() == portable.lock.to_json()


def test_nothing_of_this_machine_is_in_what_leaves_it(
    author: Workspace, journey: WorkflowDocument, tmp_path: Path
):
    portable = exported_by(author, journey)

    image = portable.document.image
    assert image is not None
    for text in (json.dumps(portable.to_json()), image.decode("latin-1")):
        assert TOKEN not in text
        assert str(tmp_path) not in text
        assert "127.0.0.1" not in text
        assert "style" not in text


def test_exporting_twice_gives_the_same_bytes(author: Workspace, journey: WorkflowDocument):
    once = exported_by(author, journey)

    unchanged = exported_by(author, journey)
    again = exported_by(author, read_bytes(once.document.image or b"", "cat.png"))

    assert unchanged.document.image == once.document.image
    assert again.document.image == once.document.image
    assert again.removed == ()


def test_a_recipient_who_exports_again_loses_nothing(
    author: Workspace, recipient: Workspace, journey: WorkflowDocument
):
    first = exported_by(author, journey)

    second = export(first.document, build_lock(first.document, recipient))

    assert second.lock.to_json() == first.lock.to_json()


def test_a_deep_copy_is_not_shared_between_two_exports(journey: WorkflowDocument):
    first = export(journey, Lock(()))
    snapshot = copy.deepcopy(first.document.ui)

    export(first.document, Lock((locked("absent.safetensors"),)))

    assert first.document.ui == snapshot


NEWER = {"version": 3, "models": [{"name": ["of", "another", "shape"], "sources": 7}]}


def test_a_newer_lock_opens_is_planned_rewritten_and_exported_untouched(
    author: Workspace, recipient: Workspace
):
    file = write_safetensors(author.folders.roots["loras"][0] / "ink.safetensors", seed=1)
    write_safetensors(recipient.folders.roots["loras"][0] / "mine.safetensors", seed=1)
    graph = ui_graph(lora_node("ink.safetensors"), extra={"ds": 1, "satchel": NEWER})
    document = read_json(graph, "x.json")

    plan = plan_document(document, recipient)
    rewritten, _ = rewrite(document, plan)
    portable = export(document, build_lock(document, author))

    assert [(m.model.identity.name, m.state) for m in plan.models] == [
        ("ink.safetensors", "missing"),
    ]  # fmt: skip
    assert "version 3" in plan.notes[0]
    assert rewritten.ui is not None
    assert rewritten.ui["extra"] == {"ds": 1, "satchel": NEWER}
    assert "version 3" in portable.notes[0]
    assert portable.document.ui is not None
    extra = portable.document.ui["extra"]
    assert (extra["ds"], extra["satchel_newer"]) == (1, NEWER)
    assert Lock.from_json(extra["satchel"]).models[0].identity.size == file.stat().st_size
    again = read_json(portable.document.ui, "again.json")
    kept = export(again, build_lock(again, author)).document.ui
    assert kept is not None
    assert kept["extra"]["satchel_newer"] == NEWER


def test_a_newer_lock_of_an_image_stays_in_the_image(author: Workspace):
    image = png_image(texts={"prompt": api_graph(api_node("X")), "satchel": NEWER})

    made = exported_by(author, read_bytes(image, "x.png")).document.image

    assert made is not None
    texts = png.read_texts(made)
    assert json.loads(texts["satchel_newer"]) == NEWER
    assert json.loads(texts["satchel"])["version"] == 1
