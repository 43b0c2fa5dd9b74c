"""What images of a real server carry when its operator or user wants that, and when nobody does."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from satchel_tools.comfyui import ComfyUI, PromptFailedError
from satchel_tools.demo_models import ALL_FILES, LORAS, UNET
from support.civitai_reader import Recognised, read, texts_of_exif, texts_of_png
from support.marketplace import Published

from satchel.workflow.containers import png, webp
from satchel.workflow.documents import read_file

from .conftest import StartServer
from .test_routes import API, MODELS, PREFIX, UI

pytestmark = pytest.mark.server

LOCK, CIVITAI = "Satchel.EmbedLockInImages", "Satchel.CivitaiReady"


@pytest.fixture(scope="module")
def embedding(
    start_server: StartServer, demo_models: Path, published: dict[str, Published]
) -> Iterator[ComfyUI]:
    """A server whose catalog knows all models of the demo."""
    server = start_server("embedding")
    for file in ALL_FILES:
        link = server.base / "models" / file.kind / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(demo_models / file.kind / file.name, link)
    server.post_json(f"{PREFIX}/export", {"json": UI})
    return server


def settings(server: ComfyUI, **on: bool) -> None:
    values = {LOCK: on.get("lock", False), CIVITAI: on.get("civitai", False)}
    server.request(
        "POST", "/settings", json.dumps(values).encode(), {"Content-Type": "application/json"}
    )


def save(server: ComfyUI, graph: dict[str, Any], node: str = "10", ui: Any = UI) -> Path:
    """Runs a graph and returns the image that a node of it saved."""
    extra = {"extra_pnginfo": {"workflow": ui}} if ui is not None else {}
    (image, *_) = server.run_prompt(graph, extra)["outputs"][node]["images"]
    return server.base / image["type"] / image["subfolder"] / image["filename"]


def queued(path: Path) -> Any:
    """The API graph in an image, without what the host notes in it."""
    graph = read_file(path).api
    assert graph is not None
    assert "/" not in str([node.get("is_changed") for node in graph.values()])
    strip = ("is_changed",)
    return {
        key: {name: value for name, value in node.items() if name not in strip}
        for key, node in graph.items()
    }


def fresh(seed: int) -> dict[str, Any]:
    """The demo's graph with a seed of its own: a run that is cached saves nothing."""
    graph = json.loads(json.dumps(API))
    graph["8"]["inputs"]["seed"] = seed
    return graph


def recognised(path: Path) -> Recognised:
    data = path.read_bytes()
    if path.suffix == ".png":
        texts = texts_of_png(data)
    else:
        chunks = webp._chunks(data)
        texts = texts_of_exif(next(data[at : at + n] for kind, at, n in chunks if kind == b"EXIF"))
    found = read(texts)
    assert found is not None
    return found


def versions(published: dict[str, Published]) -> dict[int, float | None]:
    """What Civitai is to link: the demo's models and the LoRA that is on, with its weight."""
    used = {file.title: None for file in ALL_FILES if file.kind != "loras"}
    linked: dict[str, float | None] = {**used, LORAS[0].title: 0.9}
    return {published[title].version_id: weight for title, weight in linked.items()}


def test_by_default_images_carry_what_the_host_writes_and_nothing_else(embedding: ComfyUI) -> None:
    settings(embedding)

    path = save(embedding, fresh(1))

    assert list(png.read_texts(path.read_bytes())) == ["prompt", "workflow"]


def test_with_the_users_setting_every_image_carries_the_lock_after_the_workflow(
    embedding: ComfyUI,
) -> None:
    settings(embedding, lock=True)

    path = save(embedding, fresh(2))

    texts = png.read_texts(path.read_bytes())
    assert list(texts) == ["prompt", "workflow", "satchel"]
    assert json.loads(texts["workflow"]) == UI
    assert queued(path) == fresh(2)
    lock = read_file(path).lock
    assert lock is not None
    assert len(lock.models) == MODELS
    assert all(model.identity.sha256 and model.identity.sources for model in lock.models)
    assert all(model.facts.page for model in lock.models)
    assert [pack.node_types for pack in lock.node_packs if "SatchelLoraStack" in pack.node_types]


def test_a_client_without_a_browser_gets_it_too(embedding: ComfyUI) -> None:
    settings(embedding, lock=True)

    document = read_file(save(embedding, fresh(3), ui=None))

    assert document.ui is None
    assert document.lock is not None
    assert len(document.lock.models) >= MODELS - 1


def test_civitai_recognises_every_model_of_a_stock_png_that_keeps_its_workflow(
    embedding: ComfyUI, published: dict[str, Published]
) -> None:
    settings(embedding, civitai=True)

    path = save(embedding, fresh(4))

    found = recognised(path)
    assert found.engine == "ComfyUI"
    assert found.workflow == "ui"
    assert not found.on_site
    assert found.linked == versions(published)
    assert UNET.name in found.names
    assert json.loads(texts_of_png(path.read_bytes())["workflow"]) == UI
    assert queued(path) == fresh(4)


@pytest.mark.parametrize(("format_", "workflow"), [("png", "ui"), ("webp", "api"), ("jpeg", "api")])
def test_our_own_save_node_does_it_in_every_format_whatever_the_settings(
    embedding: ComfyUI, published: dict[str, Published], format_: str, workflow: str
) -> None:
    settings(embedding)
    graph = fresh(5)
    graph["10"] = {
        "class_type": "SatchelSaveImage",
        "inputs": {"images": ["9", 0], "filename_prefix": f"own/{format_}", "format": format_,
                   "civitai": True},
    }  # fmt: skip

    path = save(embedding, graph)

    document = read_file(path)
    assert document.ui == UI
    assert queued(path) == graph
    assert document.lock is not None
    assert len([m for m in document.lock.models if m.identity.sha256]) == MODELS
    if format_ != "jpeg":
        found = recognised(path)
        assert (found.engine, found.workflow, found.on_site) == ("ComfyUI", workflow, False)
        assert found.linked == versions(published)
    assert embedding.post_json(f"{PREFIX}/plan", {"json": document.ui})["plan"]["ok"]


def test_a_file_that_nobody_has_hashed_is_listed_and_hashed_afterwards(
    embedding: ComfyUI, demo_models: Path
) -> None:
    settings(embedding, lock=True)
    name = "fresh.safetensors"
    source = demo_models / LORAS[0].kind / LORAS[0].name
    (embedding.base / "models" / "loras" / name).write_bytes(source.read_bytes())
    graph = fresh(6)
    graph["4"]["inputs"]["lora_1"] = name

    first = read_file(save(embedding, graph, ui=None)).lock
    assert first is not None
    (model,) = [model for model in first.models if model.identity.name == name]
    assert model.identity.sha256 is None
    assert model.reason == "It is here, but was not hashed yet."
    deadline, seed = time.monotonic() + 60, 7
    while not model.identity.sha256 and time.monotonic() < deadline:
        time.sleep(0.3)  # files are hashed while nothing runs
        seed += 1
        graph["8"]["inputs"]["seed"] = seed
        lock = read_file(save(embedding, graph, ui=None)).lock
        assert lock is not None
        (model,) = [model for model in lock.models if model.identity.name == name]
    assert model.identity.sha256
    assert model.reason == ""


def test_a_body_that_is_no_graph_is_refused_by_the_host_as_ever(embedding: ComfyUI) -> None:
    settings(embedding, lock=True, civitai=True)
    headers = {"Content-Type": "application/json"}

    for body in (b'{"prompt": 5}', b'{"prompt": {"1": {"inputs": {}}}}', b"{}"):
        status, _ = embedding.request("POST", "/prompt", body, headers)
        assert status in (400, 500)
    assert save(embedding, fresh(50)).exists()


def saver(**inputs: Any) -> dict[str, Any]:
    """A graph without models that saves one small image."""
    empty = {"width": 8, "height": 8, "batch_size": 1, "color": 5}
    told = {"images": ["1", 0], "filename_prefix": "x", "format": "png", **inputs}
    return {
        "1": {"class_type": "EmptyImage", "inputs": empty},
        "10": {"class_type": "SatchelSaveImage", "inputs": told},
    }


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "a/../../x"])
def test_a_name_outside_of_the_output_folder_is_refused(embedding: ComfyUI, prefix: str) -> None:
    with pytest.raises(PromptFailedError, match="outside the output folder"):
        save(embedding, saver(filename_prefix=prefix))


def test_what_a_jpeg_has_no_room_for_is_beside_it(embedding: ComfyUI) -> None:
    large = {**UI, "extra": {"note": "x" * 70_000}}

    path = save(embedding, saver(format="jpeg"), ui=large)

    assert read_file(path).ui is None
    beside = read_file(path.with_suffix(".json"))
    assert beside.ui is not None
    assert beside.ui["extra"]["note"] == large["extra"]["note"]
    assert beside.lock is not None


def test_a1111_text_names_settings_and_hashes(
    embedding: ComfyUI, published: dict[str, Published]
) -> None:
    graph = fresh(60)
    graph["10"] = saver(a1111_parameters=True, images=["9", 0])["10"]

    found = recognised(save(embedding, graph))

    assert found.engine == "external"
    assert found.prompt.startswith("a paper lantern over water <lora:ink-wash:0.9>")
    assert found.weights == {"ink-wash": 0.9}
    ink = published[LORAS[0].title].sha256.lower()
    assert found.hashes["lora:ink-wash"] == ink[:10]
    assert "model" in found.hashes


def test_metadata_can_be_off_altogether(start_server: StartServer) -> None:
    server = start_server("quiet", extra_args=["--disable-metadata"])

    path = save(server, saver(format="webp", civitai=True))

    assert not list(path.parent.glob("*.json"))
    assert webp.read_texts(path.read_bytes()) == {}
