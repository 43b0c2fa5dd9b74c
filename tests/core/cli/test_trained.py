"""`satchel trained`: what it prints about local trainings."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.models import write_safetensors

from satchel.cli import main

CONFIG = """
config:
  name: ink
  process:
    - {trigger_word: inkwash, network: {linear: 32}, model: {name_or_path: a/b}, train: {steps: 9}}
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("SATCHEL_CATALOG", str(tmp_path / "catalog.sqlite3"))
    monkeypatch.delenv("SATCHEL_MODELS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def output(tmp_path) -> Path:
    folder = tmp_path / "output"
    for age, name in enumerate(("ink_000000500", "ink"), 1):
        path = write_safetensors(folder / "ink" / f"{name}.safetensors", seed=age)
        os.utime(path, (age, age))
    (folder / "ink" / "config.yaml").write_text(CONFIG)
    return folder


def test_the_newest_weights_are_printed_with_what_they_are(output, capsys):
    assert main(["trained", str(output)]) == 0

    out = capsys.readouterr().out
    newest = output / "ink" / "ink.safetensors"
    assert out.startswith("ink  (ai-toolkit)\n")
    assert f"newest: {newest}  ({newest.stat().st_size / 1000:.1f} kB, final)" in out
    for line in ("trigger words: inkwash", "base model: a/b", "rank: 32", "checkpoints: 2"):
        assert f"  {line}\n" in out or out.endswith(f"  {line}\n")
    assert "samples" not in out


def test_json_has_every_checkpoint(output, capsys):
    assert main(["trained", str(output), "--json"]) == 0

    (run,) = json.loads(capsys.readouterr().out)
    assert [one["step"] for one in run["checkpoints"]] == [500, None]
    assert run["latest"] == [run["checkpoints"][-1]]
    assert run["latest"][0]["path"] == str(output / "ink" / "ink.safetensors")
    assert run["latest"][0]["final"] is True
    assert (run["trainer"], run["rank"], run["steps"]) == ("ai-toolkit", 32, 9)


def test_a_folder_without_trainings_says_so(tmp_path, capsys):
    assert main(["trained", str(tmp_path)]) == 0
    assert "holds no training" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_bad_input(tmp_path, capsys):
    assert main(["trained", str(tmp_path / "nowhere")]) == 2
    assert "There is no folder" in capsys.readouterr().err


def test_names_cannot_drive_the_terminal(tmp_path, capsys):
    write_safetensors(tmp_path / "run" / "a\x1b[31m_000000001.safetensors")

    assert main(["trained", str(tmp_path / "run")]) == 0
    assert "\x1b" not in capsys.readouterr().out
