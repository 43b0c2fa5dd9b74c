"""The routes behind the sidebar's library, on a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from satchel_tools.comfyui import ComfyUI
from support.marketplace import Marketplace, Picture
from support.models import write_safetensors
from support.pictures import png

from .conftest import StartServer
from .test_routes import PREFIX, refusal

pytestmark = pytest.mark.server

INK = {"kind": "loras", "name": "style/ink.safetensors"}


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> ComfyUI:
    """A server with four files, two of which are the same, and a saved workflow."""
    running = start_server("library")
    models = running.base / "models"
    ink = write_safetensors(models / "loras/style/ink.safetensors", seed=1)
    (models / "loras/ink copy.safetensors").write_bytes(ink.read_bytes())
    write_safetensors(models / "loras/wash.safetensors", seed=2)
    write_safetensors(models / "vae/soft.safetensors", seed=3)
    workflows: Path = running.base / "user" / "default" / "workflows"
    workflows.mkdir(parents=True, exist_ok=True)
    node = {"id": 1, "type": "LoraLoader", "widgets_values": [INK["name"], 1, 1]}
    (workflows / "rain.json").write_text(json.dumps({"nodes": [node], "links": []}), "utf-8")
    running.post_json(PREFIX + "/scan", {"kinds": ["loras"], "hash": True})
    return running


def library(server: ComfyUI, **body: Any) -> Any:
    return server.post_json(PREFIX + "/library", body)


def names(answer: Any) -> list[str]:
    return [model["name"] for model in answer["models"]]


def test_the_library_is_told_page_by_page_from_one_snapshot(server: ComfyUI) -> None:
    first = library(server, limit=2, sort="name")
    assert (first["total"], first["files"], first["unhashed"]) == (4, 4, 1)
    assert names(first) == ["ink copy.safetensors", "soft.safetensors"]

    added = write_safetensors(server.base / "models/loras/aaa.safetensors", seed=9)
    second = library(server, limit=2, sort="name", offset=2, stamp=first["stamp"])
    fresh = library(server, limit=1, sort="name")
    added.unlink()

    assert names(second) == ["style/ink.safetensors", "wash.safetensors"]
    assert (second["stamp"], names(fresh)) == (first["stamp"], ["aaa.safetensors"])
    assert str(server.base) not in json.dumps([first, second])


def test_the_library_is_searched_and_filtered(server: ComfyUI) -> None:
    assert names(library(server, query="ink", kinds=["loras"]))[0] == INK["name"]
    assert names(library(server, duplicates=True)) == ["ink copy.safetensors", INK["name"]]
    assert names(library(server, kinds=["vae"])) == ["soft.safetensors"]
    assert library(server, updates=True)["models"] == []
    facets = library(server)["facets"]
    assert facets["kinds"] == [{"value": "loras", "count": 3}, {"value": "vae", "count": 1}]


def test_details_tell_everything_and_no_path(server: ComfyUI) -> None:
    told = server.post_json(PREFIX + "/library/details", INK)

    assert told["digests"]["SHA256"] == told["sha256"]
    assert told["copies"] == [{"directory": "loras", "name": "ink copy.safetensors"}]
    assert (told["newer"], told["sources"]) == ([], [])
    assert str(server.base) not in json.dumps(told)


def test_a_note_is_kept_and_found(server: ComfyUI) -> None:
    body = {**INK, "text": "brushes <b>bold</b>", "trigger_words": ["inkwash"]}

    kept = server.post_json(PREFIX + "/library/notes", body)

    told = server.post_json(PREFIX + "/library/details", INK)
    assert kept == told["note"] == {"text": body["text"], "trigger_words": ["inkwash"]}
    assert set(names(library(server, query="brushes"))) == {INK["name"], "ink copy.safetensors"}
    assert library(server, query="brushes")["models"][0]["noted"] is True


def test_saved_workflows_that_use_a_file_are_told(server: ComfyUI) -> None:
    used = server.post_json(PREFIX + "/library/used-in", INK)
    unused = server.post_json(PREFIX + "/library/used-in", {**INK, "name": "wash.safetensors"})

    assert (used, unused) == ({"workflows": ["rain.json"]}, {"workflows": []})


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/library", {"sort": "luck"}, "invalid_input"),
        ("/library", {"kinds": "loras"}, "invalid_input"),
        ("/library", {"offset": -1}, "invalid_input"),
        ("/library", {"updates": 1}, "invalid_input"),
        ("/library/details", {"kind": "loras", "name": "../../x.safetensors"}, "model_not_found"),
        ("/library/details", {"kind": "custom_nodes", "name": "x"}, "invalid_input"),
        ("/library/details", {}, "invalid_input"),
        ("/library/notes", {**INK, "text": "x" * 20_001}, "invalid_input"),
        ("/library/notes", {**INK, "name": "none.safetensors", "text": ""}, "model_not_found"),
        ("/library/notes", {**INK, "trigger_words": "one"}, "invalid_input"),
        ("/library/used-in", {"kind": "loras", "name": "none.safetensors"}, "model_not_found"),
    ],
)
def test_bad_bodies_get_a_sentence(
    server: ComfyUI, path: str, body: dict[str, Any], code: str
) -> None:
    status, error = refusal(server, path, body)

    assert (400 <= status < 500, error["code"]) == (True, code)


def test_pictures_are_fetched_by_a_job_and_then_shown(
    start_server: StartServer, market: Marketplace
) -> None:
    running = start_server("previews")
    ink = write_safetensors(running.base / "models/loras/ink.safetensors", seed=71)
    wash = write_safetensors(running.base / "models/loras/wash.safetensors", seed=72)
    market.publish(ink, model_name="Ink", pictures=[Picture(png(900, 600))])
    market.publish(wash, model_name="Wash", pictures=[Picture(png(9, 9), nsfw_level=8)])
    running.post_json(PREFIX + "/scan", {"look_up": True})
    before = library(running)
    assert (before["previews"], [model.get("preview") for model in before["models"]]) == (
        1, [None, None],
    )  # fmt: skip
    query = {"kind": "loras", "name": "ink.safetensors"}
    picture = f"{PREFIX}/preview?{urlencode(query)}"
    assert running.request("GET", picture)[0] == 404

    told = running.post_json(PREFIX + "/previews", {})

    assert told == {"fetched": 1, "missed": 0, "complaints": []}
    after = library(running)
    stamps = {model["name"]: model.get("preview", 0) for model in after["models"]}
    assert (after["previews"], stamps["wash.safetensors"]) == (0, 0)
    status, body = running.request("GET", picture)
    assert (status, body[:3]) == (200, b"\xff\xd8\xff")
    (kept,) = (running.base / "user/__satchel/previews").iterdir()
    assert stamps["ink.safetensors"] == kept.stat().st_mtime_ns // 1_000_000
    cards = running.post_json(PREFIX + "/loras", {})["loras"]
    assert {card["name"]: card.get("preview", 0) for card in cards} == stamps
    assert {path.suffix for path in ink.parent.iterdir()} == {".safetensors"}
    assert str(running.base) not in json.dumps([told, after])


def test_a_picture_of_what_was_found_is_had_by_its_key_alone(
    server: ComfyUI, market: Marketplace, tmp_path: Path
) -> None:
    shown = write_safetensors(tmp_path / "found.safetensors", seed=73)
    market.publish(shown, model_name="Found by search", pictures=[Picture(png(900, 600))])
    found = server.post_json(PREFIX + "/search", {"query": "Found by", "source": "civitai"})
    (version,) = found["pages"][0]["versions"]
    address = version["previews"][0]["url"]

    status, body = server.request("GET", f"{PREFIX}/found-picture?key={version['picture']}")

    assert (status, body[:3]) == (200, b"\xff\xd8\xff")
    for other in (urlencode({"key": address}), urlencode({"key": "x"}), ""):
        status, _ = server.request("GET", f"{PREFIX}/found-picture?{other}")
        assert 400 <= status < 500


@pytest.mark.parametrize("path", ["", "/details", "/notes", "/used-in"])
def test_the_library_takes_json_posts_only(server: ComfyUI, path: str) -> None:
    status, _ = server.request(
        "POST", f"{PREFIX}/library{path}", b"{}", {"Content-Type": "text/plain"}
    )
    assert status == 415
    assert server.request("GET", f"{PREFIX}/library{path}")[0] in (404, 405)
