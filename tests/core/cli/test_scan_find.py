"""`satchel scan`, `find` and `updates`: what is here, and what is newer."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import Run, sha256_of
from support.marketplace import Marketplace, Picture, Published
from support.models import write_safetensors
from support.pictures import png


def test_scan_lists_model_files_and_hashes_when_asked(run: Run, author: Path):
    plain = run("scan", "--models", author, "--json")
    hashed = run("scan", "loras", "--hash", "--models", author, "--json")

    assert (plain.status, hashed.status) == (0, 0)
    assert [(m["name"], m["directory"], m["sha256"]) for m in plain.json] == [
        ("style/ink.safetensors", "loras", None), ("v.safetensors", "vae", None),
    ]  # fmt: skip
    (ink,) = hashed.json
    path = author / "loras/style/ink.safetensors"
    assert ink == {
        "name": "style/ink.safetensors", "directory": "loras", "path": str(path),
        "size": path.stat().st_size, "sha256": sha256_of(path), "autov3": ink["autov3"],
    }  # fmt: skip
    assert run("scan", "--models", author, "--json").json[0] == ink  # now it is known
    assert "not hashed" in run("scan", "vae", "--models", author).out


def test_scan_of_a_folder_that_does_not_exist_is_bad_input(run: Run, author: Path):
    outcome = run("scan", "custom_nodes", "--models", author)

    assert outcome.status == 2
    assert "'custom_nodes' is no model folder here" in outcome.err


def test_scan_looks_files_up_and_find_and_identify_then_know_them(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published]
):
    path = author / "loras/style/ink.safetensors"
    assert run("scan", "--look-up", "--models", author).status == 0
    market.clear_requests()

    found = run("find", "style\\ink.safetensors", "--models", author, "--json").json
    (identified,) = run("identify", path, "--models", author, "--json").json

    assert (found["how"], [model["model"] for model in found["models"]]) == ("name", ["Ink"])
    assert found["models"][0]["identified"] == "bytes"
    assert identified["published"]["air"].endswith(f"@{published['ink'].version_id}")
    assert "Ink" in run("find", sha256_of(path)[:10], "--models", author).out
    assert market.requests == []


def test_scan_fetches_pictures_when_asked(
    run: Run, author: Path, market: Marketplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = author / "loras/style/ink.safetensors"
    market.publish(path, model_name="Ink", pictures=[Picture(png(8, 8))])
    monkeypatch.setenv("SATCHEL_CATALOG", str(tmp_path / "own/catalog.sqlite3"))
    monkeypatch.setenv("SATCHEL_PREVIEWS", "off")
    off = run("scan", "--look-up", "--previews", "--models", author)
    assert (off.status, "SATCHEL_PREVIEWS is off" in off.err) == (0, True)
    monkeypatch.delenv("SATCHEL_PREVIEWS")

    assert run("scan", "--models", author).err == ""
    assert not (tmp_path / "own/previews").exists()
    outcome = run("scan", "--previews", "--models", author)

    assert outcome.status == 0
    assert (tmp_path / "own/previews" / sha256_of(path)).read_bytes() == png(8, 8)


def test_find_says_when_nothing_fits(run: Run, author: Path):
    outcome = run("find", "nothing like it", "--models", author)

    assert (outcome.status, outcome.out) == (1, "No file here fits.\n")
    assert run("find", "x", "--kind", "nope", "--models", author).status == 2


def test_find_tells_only_of_the_folders_that_are_meant(run: Run, author: Path, tmp_path: Path):
    write_safetensors(tmp_path / "other/loras/ink2.safetensors")
    run("scan", "--models", tmp_path / "other")

    assert run("find", "ink2", "--models", author).status == 1
    assert run("find", "ink2", "--models", tmp_path / "other").status == 0


def test_updates_names_the_newer_version(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published], tmp_path: Path
):
    newer = write_safetensors(tmp_path / "newer.safetensors", seed=7)
    market.publish(newer, model_name="Ink", version_name="v9", in_model=published["ink"])
    unhashed = run("updates", "--models", author)
    assert "2 files are not hashed yet" in unhashed.out
    run("scan", "--hash", "--models", author)

    outcome = run("updates", "--models", author)

    assert (outcome.status, outcome.err) == (0, "")
    assert "v9" in outcome.out
    assert "2 published models are here, 1 of them have newer versions." in outcome.out
    (update,) = run("updates", "loras", "--models", author, "--json").json["updates"]
    assert update["newer"][0]["version"] == "v9"


def test_updates_of_known_models_send_no_digests(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published]
):
    run("scan", "--hash", "--models", author)
    market.clear_requests()

    assert run("updates", "--known-only", "--models", author).status == 0
    assert market.requests == []


def test_updates_says_when_nobody_answers(
    run: Run, author: Path, market: Marketplace, published: dict[str, Published]
):
    run("scan", "--hash", "--models", author)
    market.fault("region_451", times=None)

    outcome = run("updates", "--models", author)

    assert outcome.status == 1
    assert "not available" in outcome.err or "region" in outcome.err
