"""Where the command finds models, and the settings of whoever runs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import Run


def comfyui_folder(author: Path) -> Path:
    comfyui = author.parent / "ComfyUI"
    shutil.copytree(author, comfyui / "models")
    return comfyui


def extra_model_paths(author: Path) -> Path:
    path = author.parent / "extra_model_paths.yaml"
    path.write_text(f"mine:\n  base_path: {author}\n  loras: loras/\n  vae: vae/\n")
    return path


@pytest.mark.parametrize("location", [lambda author: author, comfyui_folder, extra_model_paths])
def test_models_may_be_a_models_folder_a_comfyui_or_a_yaml(
    run: Run, graph: Path, author: Path, location: Callable[[Path], Path]
):
    assert run("plan", graph, "--models", location(author)).status == 0


def test_the_environment_may_say_where_models_live(
    run: Run, graph: Path, author: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SATCHEL_MODELS", str(author))

    assert run("plan", graph).status == 0


def test_a_comfyui_that_one_stands_in_is_used(
    run: Run, graph: Path, author: Path, monkeypatch: pytest.MonkeyPatch
):
    comfyui = comfyui_folder(author)
    (comfyui / "custom_nodes").mkdir()
    monkeypatch.chdir(comfyui)

    assert run("plan", graph).status == 0


def test_without_models_one_is_told_what_to_say(
    run: Run, graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)

    outcome = run("plan", graph)

    assert outcome.status == 2
    assert "--models DIR" in outcome.err


@pytest.mark.parametrize("content", [None, "{", "a: b: c", "- 1", "mine:\n  other: x\n"])
def test_models_that_are_nowhere_are_bad_input(
    run: Run, graph: Path, tmp_path: Path, content: str | None
):
    location = tmp_path / "paths.yaml"
    if content is not None:
        location.write_text(content)

    outcome = run("plan", graph, "--models", location)

    assert outcome.status == 2
    assert "paths.yaml" in outcome.err or "model paths" in outcome.err


@pytest.mark.parametrize(
    ("variable", "value", "status"),
    [
        ("SATCHEL_CIVITAI_URL", "not a url", 2),
        ("SATCHEL_TRUSTED_ORIGINS", "ftp://x", 2),
        ("SATCHEL_CATALOG", os.path.join(os.devnull, "catalog.sqlite3"), 1),
    ],
)
def test_bad_settings_are_one_sentence(
    run: Run, portable: Path, author: Path, monkeypatch: pytest.MonkeyPatch,
    variable: str, value: str, status: int,
):  # fmt: skip
    monkeypatch.setenv(variable, value)

    outcome = run("plan", portable, "--models", author)

    assert (outcome.status, outcome.out) == (status, "")
    assert outcome.err.startswith("satchel: ")


def test_no_token_is_ever_printed(
    run: Run, graph: Path, author: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CIVITAI_API_TOKEN", "c0ffee-token")

    for command in (["lock", graph], ["plan", graph], ["scan"], ["get", "0" * 64]):
        outcome = run(*command, "--models", author, "--json")
        assert "c0ffee-token" not in outcome.out + outcome.err
