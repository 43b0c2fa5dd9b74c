"""`satchel queue`: what a person sees and does with the download queue."""

from __future__ import annotations

import json

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.cli import main


@pytest.fixture
def market():
    with Marketplace() as running:
        yield running


@pytest.fixture
def ink(market, tmp_path):
    path = write_safetensors(tmp_path / "published.safetensors", {"w": (64, 64)})
    return market.publish(path, model_name="Ink")


@pytest.fixture
def satchel(market, tmp_path, monkeypatch, capsys):
    """Runs `satchel queue ...`; returns the exit status and what it printed, parsed if JSON."""
    monkeypatch.setenv("SATCHEL_CIVITAI_URL", market.site_url)
    monkeypatch.setenv("SATCHEL_TRUSTED_ORIGINS", market.storage_url)
    monkeypatch.setenv("SATCHEL_CATALOG", str(tmp_path / "state" / "catalog.sqlite3"))
    (tmp_path / "models").mkdir()

    def run(*arguments, as_json=True):
        flags = ["--json"] if as_json else []
        where = ["queue", "--models", str(tmp_path / "models")]
        status = main([*where, *map(str, arguments), *(flags if arguments else [])])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        if not as_json or not arguments:
            return status, printed.out + printed.err
        return status, json.loads(printed.out)

    return run


def test_an_empty_queue_says_so(satchel):
    assert satchel() == (0, "The queue is empty.\n")
    assert satchel("list") == (0, [])


def test_a_model_is_added_fetched_and_forgotten(satchel, ink, tmp_path):
    status, added = satchel("add", ink.sha256, "--priority", 3)
    assert (status, added["state"], added["priority"]) == (0, "queued", 3)

    status, listed = satchel("run")

    assert status == 0
    (done,) = listed
    assert (done["state"], done["sha256"]) == ("done", ink.sha256.lower())
    assert done["path"].startswith(str(tmp_path / "models" / "loras"))
    status, text = satchel("list", as_json=False)
    assert "done" in text
    assert done["name"] in text
    assert satchel("clear") == (0, {"forgotten": 1})
    assert satchel("list") == (0, [])


def test_paused_ones_wait_and_the_order_can_be_changed(satchel, market, tmp_path):
    ids = []
    for seed in range(3):
        path = write_safetensors(tmp_path / f"{seed}.safetensors", {"w": (8, 8)}, seed=seed)
        published = market.publish(path, model_name=f"Model {seed}")
        ids.append(satchel("add", published.sha256)[1]["id"])
    a, b, c = ids

    assert [entry["id"] for entry in satchel("move", c, "--before", a)[1]] == [c, a, b]
    assert [entry["id"] for entry in satchel("priority", b, 9)[1]] == [b, c, a]
    satchel("pause", a, c)
    satchel("cancel", b)
    states = {entry["id"]: entry["state"] for entry in satchel("list")[1]}
    assert states == {a: "paused", b: "cancelled", c: "paused"}
    assert satchel("run")[0] == 0
    assert not list((tmp_path / "models").rglob("*.safetensors"))
    satchel("resume", a)
    satchel("run")
    assert len(list((tmp_path / "models").rglob("*.safetensors"))) == 1


def test_a_failure_is_shown_with_its_reason(satchel, ink, market):
    satchel("add", ink.sha256)
    market.fault("wrong_bytes", times=None)

    status, text = satchel("run", as_json=False)

    assert status == 1
    assert "failed" in text
    assert "arrived with other bytes" in text


def test_limits_are_shown_and_changed(satchel):
    assert satchel("limits")[1] == {
        "total": 3, "per_host": 2, "connections": 4, "bytes_per_s": None,
    }  # fmt: skip
    changed = satchel("limits", "--total", 5, "--bandwidth", "2.5M", "--connections", 8)[1]
    assert changed == {"total": 5, "per_host": 2, "connections": 8, "bytes_per_s": 2_500_000}
    assert "2.5 MB/s" in satchel("limits", as_json=False)[1]
    assert satchel("limits", "--bandwidth", "none")[1]["bytes_per_s"] is None
    for wrong in (("--bandwidth", "fast"), ("--total", 0), ("--bandwidth", "1e999")):
        assert satchel("limits", *wrong)[0] == 2


def test_an_id_that_is_not_there_is_told(satchel):
    status, text = satchel("pause", 99, as_json=False)

    assert status == 1
    assert "no download 99" in text


def test_leftovers_are_cleaned(satchel, tmp_path):
    folder = tmp_path / "models" / "loras"
    folder.mkdir(parents=True)
    (folder / ".satchel-1.part").write_bytes(b"fresh")

    assert satchel("clean") == (0, {"freed": 0})
    assert (folder / ".satchel-1.part").exists()
