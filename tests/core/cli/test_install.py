"""`satchel install` and `satchel verify`: what is fetched and written, and what is told of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support.command_line import Run, edited_lock, model_files, sha256_of
from support.graphs import stack_values
from support.marketplace import Marketplace, Published


def test_install_fetches_and_a_second_run_fetches_nothing(
    run: Run, market: Marketplace, portable: Path, author: Path, recipient: Path
):
    first = run("install", portable, "--models", recipient, "--json")

    assert (first.status, first.err) == (0, "")
    (imported,) = first.json
    assert set(imported) == {"plan", "installed", "graph", "prompt", "rewrites"}
    assert [entry["name"] for entry in imported["installed"]] == [
        "ink.safetensors", "v.safetensors",
    ]  # fmt: skip
    assert model_files(recipient) == ["loras/ink.safetensors", "vae/v.safetensors"]
    assert sha256_of(recipient / "vae/v.safetensors") == sha256_of(author / "vae/v.safetensors")
    market.clear_requests()
    second = run("install", portable, "--models", recipient, "--json")
    assert (second.status, second.json[0]["installed"]) == (0, [])
    assert market.requests == []


def test_install_takes_several_graphs_and_fetches_shared_models_once(
    run: Run, market: Marketplace, portable: Path, recipient: Path
):
    copy = shutil.copy(portable, portable.with_name("copy.json"))

    outcome = run("install", portable, copy, "--models", recipient)

    assert outcome.status == 0
    assert outcome.out.count("Fetched ") == 2
    assert len([r for r in market.requests if r.origin == "storage"]) == 2


def test_install_writes_the_graph_with_local_names(
    run: Run, portable: Path, author: Path, recipient: Path, tmp_path: Path
):
    (recipient / "loras").mkdir()
    shutil.copy(author / "loras/style/ink.safetensors", recipient / "loras/mine.safetensors")

    outcome = run("install", portable, "-o", tmp_path / "here.json", "--models", recipient)

    assert outcome.status == 0
    assert "Node 1: lora_1 is mine.safetensors here." in outcome.out
    here = json.loads((tmp_path / "here.json").read_bytes())
    assert here["nodes"][0]["widgets_values"] == stack_values("mine.safetensors")
    assert run("plan", tmp_path / "here.json", "--models", recipient).status == 0


@pytest.mark.parametrize(
    ("output", "graphs"),
    [("here.json", 2), ("here.png", 1), ("absent/here.json", 1)],
)
def test_install_finds_out_that_it_cannot_write_before_it_fetches(
    run: Run, market: Marketplace, portable: Path, recipient: Path, tmp_path: Path,
    output: str, graphs: int,
):  # fmt: skip
    market.clear_requests()

    outcome = run("install", *[portable] * graphs, "-o", tmp_path / output, "--models", recipient)

    assert outcome.status == 2
    assert market.requests == []
    assert model_files(recipient) == []


def test_install_of_a_lock_alone_has_no_graph_to_write(
    run: Run, market: Marketplace, portable: Path, recipient: Path, tmp_path: Path
):
    lock = edited_lock(portable)
    market.clear_requests()

    assert run("install", lock, "-o", tmp_path / "x.json", "--models", recipient).status == 2
    assert market.requests == []
    assert run("install", lock, "--models", recipient).status == 0
    assert model_files(recipient) == ["loras/ink.safetensors"]


def test_install_reports_every_failure_and_keeps_the_rest(
    run: Run, market: Marketplace, portable: Path, recipient: Path,
    published: dict[str, Published],
):  # fmt: skip
    market.fault("wrong_bytes", times=None, match=published["ink"])

    outcome = run("install", portable, "--models", recipient, "--json")

    assert outcome.status == 1
    assert outcome.json["error"]["code"] == "hash_mismatch"
    assert outcome.err.startswith("satchel: ink.safetensors arrived with other bytes")
    assert model_files(recipient) == ["vae/v.safetensors"]
    market.fault("redirect_private", times=None, match=published["v"])
    shutil.rmtree(recipient / "vae")
    both = run("install", portable, "--models", recipient)
    assert [line.split()[1] for line in both.err.splitlines() if line.startswith("satchel:")] == [
        "ink.safetensors", "v.safetensors:",
    ]  # fmt: skip
    assert model_files(recipient) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(run: Run, portable: Path, recipient: Path):
    (recipient / "loras").write_text("a file where the folder should be")

    outcome = run("install", portable, "--models", recipient)

    assert outcome.status == 1
    assert outcome.err.startswith("satchel: ")


def test_verify_tells_what_differs(run: Run, portable: Path, author: Path, recipient: Path):
    assert run("install", portable, "--models", recipient).status == 0
    fine = run("verify", portable, "--models", recipient, "--json")
    edited = recipient / "loras/ink.safetensors"
    stamp = edited.stat()
    edited.write_bytes(edited.read_bytes()[:-1] + b"?")
    os.utime(edited, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    bad = run("verify", portable, "--models", recipient, "--json")

    assert (fine.status, fine.json[0]["ok"]) == (0, True)
    assert bad.status == 1
    (checked,) = bad.json
    assert set(checked) == {"models", "ok"}
    assert [model["state"] for model in checked["models"]] == ["differs", "verified"]
    assert "differs" in run("verify", portable, "--models", recipient).out
