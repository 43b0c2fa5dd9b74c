"""Workflows and locks that are refused, each with a sentence, and nothing that is left."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Run, edited_lock, model_files, written
from support.graphs import api_node, png_image, text_chunk, ui_graph
from support.marketplace import Marketplace

from satchel.workflow.containers import png


def test_text_from_a_graph_cannot_drive_the_terminal(run: Run, tmp_path: Path, author: Path):
    name = "\x1b[2J\x1b]0;owned\x07.safetensors"
    hostile = written(
        tmp_path / "x.json",
        {"1\x1b[31m": api_node("LoraLoader", lora_name=name),
         "2\x1b[31m": api_node("X", **{"a\x1b[5m": "style\\ink.safetensors"})},
    )  # fmt: skip

    for command in ("plan", "install", "verify", "lock"):
        outcome = run(command, hostile, "--models", author)
        assert "\x1b" not in outcome.out + outcome.err
        assert "\x07" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sha256": "0" * 64}, "Civitai now serves another file in its place."),
        ({"name": "../../x.safetensors"}, "'../../x.safetensors' is refused: it leaves its folder"),
        ({"directory": "custom_nodes"}, "The directory 'custom_nodes' is refused"),
        ({"sources": [{"kind": "civitai", "url": "https://evil.example/x", "version_id": 1}]},
         "a host outside the allowlist: evil.example"),
        ({"sources": [{"kind": "civitai", "url": "http://169.254.169.254/x", "version_id": 1}]},
         "Refused to open"),
        ({"name": "ink.ckpt"}, "can run code"),
    ],
)  # fmt: skip
def test_a_hostile_lock_is_refused_with_a_sentence_and_leaves_nothing(
    run: Run, market: Marketplace, portable: Path, recipient: Path, change: dict[str, Any],
    sentence: str,
):  # fmt: skip
    lock = edited_lock(portable, **change)
    before = sorted(portable.parent.rglob("*"))

    outcome = run("install", lock, "--models", recipient)

    assert outcome.status == 1
    assert sentence in outcome.err
    assert sorted(portable.parent.rglob("*")) == before
    assert not [request for request in market.requests if "download" in request.path]
    assert run("plan", lock, "--models", recipient).status == 1


def test_bytes_that_differ_from_the_lock_leave_nothing_but_a_sentence(
    run: Run, market: Marketplace, portable: Path, recipient: Path
):
    # the marketplace itself says the hash of the lock, and its storage sends something else
    market.fault("wrong_bytes", times=None)

    outcome = run("install", edited_lock(portable), "--models", recipient)

    assert outcome.status == 1
    assert "arrived with other bytes" in outcome.err
    assert "They were set aside as .satchel-" in outcome.err
    assert model_files(recipient) == []


@pytest.mark.parametrize("command", ["lock", "plan", "install", "verify"])
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("cut.png", png_image(texts={"workflow": ui_graph()})[:-20], "The image cannot be read"),
        ("head.png", png.SIGNATURE, "The image cannot be read: it is cut short."),
        ("bare.png", png_image(text_chunk("parameters", "a cat")), "holds no ComfyUI workflow"),
        ("cat.jpg", b"\xff\xd8\xff\xe0", "The JPEG file cannot be read: it is cut short"),
        ("package.json", {"name": "x", "version": "1.0.0"}, "its JSON is no ComfyUI graph"),
        ("list.json", [], "its JSON is no ComfyUI graph"),
        ("deep.json", b"[" * 5000 + b"]" * 5000, "holds no ComfyUI workflow"),
        ("empty.json", b"", "it is empty"),
        ("bad.json", ui_graph(extra={"satchel": {"version": 1}}), "bad.json: The lock is malf"),
    ],
)  # fmt: skip
def test_files_that_are_no_workflow_are_refused(
    run: Run, tmp_path: Path, author: Path, graph: Path, command: str, name: str, content: Any,
    sentence: str,
):  # fmt: skip
    bad = written(tmp_path / name, content)

    outcome = run(command, graph, bad, "--models", author)

    assert (outcome.status, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert name in outcome.err


@pytest.mark.parametrize("command", ["lock", "plan", "install"])
def test_a_lock_of_a_newer_satchel_is_told_and_no_reason_to_refuse(
    run: Run, tmp_path: Path, author: Path, command: str
):
    newer = written(tmp_path / "newer.json", ui_graph(extra={"satchel": {"version": 9}}))

    outcome = run(command, newer, "--models", author)

    assert outcome.status == 0
    assert "a lock of version 9, which only a newer Satchel reads" in outcome.out


def test_an_error_is_json_too_when_json_is_asked_for(run: Run, tmp_path: Path, author: Path):
    outcome = run("plan", written(tmp_path / "x.json", []), "--models", author, "--json")

    assert set(outcome.json) == {"error"}
    assert set(outcome.json["error"]) == {"code", "message", "hint", "details"}
    assert outcome.json["error"]["code"] == "workflow_format"


@pytest.mark.parametrize(
    "arguments",
    [
        ("queue", "pause", "9" * 20),
        ("queue", "priority", "1", "-" + "9" * 20),
        ("queue", "move", "1", "--before", "9" * 20),
        ("find", "ink", "--limit", "9" * 20),
        ("search", "ink", "--limit", "many"),
    ],
)
def test_numbers_that_are_none_or_too_large_are_a_mistake_in_the_command(
    run: Run, author: Path, arguments: tuple[str, ...]
):
    outcome = run(*arguments, "--models", author) if arguments[0] != "queue" else run(*arguments)

    assert (outcome.status, "argument" in outcome.err) == (2, True)


def test_half_a_character_in_a_graph_stays_as_it_is_in_a_bundle(
    run: Run, author: Path, tmp_path: Path
):
    graph = written(tmp_path / "x.json", {"1": api_node("LoraLoader", lora_name="\ud800.pt")})

    outcome = run("bundle", graph, "-o", tmp_path / "x.zip", "--models", author)

    assert outcome.status in (0, 1)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        (packed,) = (name for name in archive.namelist() if not name.endswith(".lock.json"))
        assert json.loads(archive.read(packed))["1"]["inputs"]["lora_name"] == "\ud800.pt"
