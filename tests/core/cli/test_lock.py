"""`satchel lock`: what it prints, writes and embeds."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
from support.command_line import ROOT, Run, edited_lock, model_files, sha256_of, written
from support.graphs import png_image
from support.marketplace import Published

from satchel.workflow.containers import png, webp

SCHEMA = json.loads((ROOT / "docs/lock.schema.json").read_text(encoding="utf-8"))


def test_lock_prints_a_list_of_locks(
    run: Run, graph: Path, api: Path, author: Path, published: dict[str, Published]
):
    outcome = run("lock", graph, api, "--models", author, "--json")

    assert (outcome.status, outcome.err) == (0, "")
    locks = outcome.json
    assert len(locks) == 2
    for lock in locks:
        jsonschema.validate(lock, SCHEMA)
        ink, vae = lock["models"]
        assert (ink["name"], ink["directory"]) == ("style/ink.safetensors", "loras")
        assert ink["sha256"] == sha256_of(author / "loras/style/ink.safetensors")
        assert ink["sources"][0]["version_id"] == published["ink"].version_id
        assert vae["used_by"] == ["2"]
    assert model_files(graph.parent / "recipient") == []


def test_lock_lists_what_it_cannot_pin_and_says_so(run: Run, graph: Path, recipient: Path):
    outcome = run("lock", graph, "--models", recipient, "--json")

    assert outcome.status == 1
    assert [(m["sha256"], m["reason"]) for m in outcome.json[0]["models"]] == [
        (None, "It is not on this machine, so it was not hashed.")
    ] * 2


def test_lock_is_fine_with_a_file_that_no_marketplace_knows(run: Run, graph: Path, author: Path):
    outcome = run("lock", graph, "--models", author)

    assert outcome.status == 0
    assert "No marketplace knows this file by its SHA256." in outcome.out


def test_lock_writes_beside_an_api_graph_what_plan_then_finds(
    run: Run, api: Path, author: Path, recipient: Path, published: dict[str, Published]
):
    assert run("lock", "--write", api, "--models", author).status == 0

    lock = json.loads((api.parent / "landscape.lock.json").read_bytes())
    jsonschema.validate(lock, SCHEMA)
    planned = run("plan", api, "--models", recipient, "--json").json[0]["models"]
    assert [model["source"] for model in planned] == ["civitai.com", "civitai.com"]


def test_lock_embeds_in_json_api_and_png(
    run: Run, tmp_path: Path, graph: Path, api: Path, author: Path,
    published: dict[str, Published],
):  # fmt: skip
    image = png_image(texts={"workflow": json.loads(graph.read_bytes())})
    picture = written(tmp_path / "cat.png", image)

    outcome = run("lock", "--embed", graph, api, picture, "--models", author)

    assert outcome.status == 0
    ui = json.loads((tmp_path / "portrait.portable.json").read_bytes())
    assert ui["nodes"][0]["widgets_values"][1] == "ink.safetensors"
    assert len(ui["extra"]["satchel"]["models"]) == 2
    beside = json.loads((tmp_path / "landscape.portable.lock.json").read_bytes())
    assert beside["models"] == ui["extra"]["satchel"]["models"]
    texts = png.read_texts((tmp_path / "cat.portable.png").read_bytes())
    assert json.loads(texts["satchel"])["models"] == beside["models"]
    assert picture.read_bytes() == image
    assert "Wrote" in outcome.out


def test_lock_embeds_in_a_webp(run: Run, tmp_path: Path, author: Path):
    source = ROOT / "tests/data/containers/lossy.webp"
    picture = written(tmp_path / "cat.webp", source.read_bytes())

    run("lock", "--embed", picture, "--models", author)

    texts = webp.read_texts((tmp_path / "cat.portable.webp").read_bytes())
    assert list(texts)[:3] == ["satchel", "workflow", "prompt"]  # as their tags are sorted
    jsonschema.validate(json.loads(texts["satchel"]), SCHEMA)
    assert picture.read_bytes() == source.read_bytes()


def test_lock_does_not_take_a_lock_for_a_graph(run: Run, portable: Path, author: Path):
    outcome = run("lock", edited_lock(portable), "--models", author)

    assert outcome.status == 2
    assert "hostile.lock.json is a lock without a graph" in outcome.err
