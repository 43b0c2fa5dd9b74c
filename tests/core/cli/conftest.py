"""The command, an author's and a recipient's models, a marketplace, and graphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import Outcome, Run, written
from support.graphs import api_graph, api_node, stack_values, ui_graph, ui_node
from support.marketplace import Marketplace, Published
from support.models import write_safetensors

from satchel.cli import main


@pytest.fixture
def run(operator: None, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""

    def satchel(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Outcome(status, printed.out, printed.err)

    return satchel


@pytest.fixture
def environment(tmp_path: Path, market: Marketplace) -> dict[str, str]:
    return {
        **market.environment,
        "SATCHEL_CATALOG": str(tmp_path / "catalog.sqlite3"),
    }


@pytest.fixture
def market() -> Iterator[Marketplace]:
    with Marketplace(keys=["a-key"]) as running:
        yield running


@pytest.fixture
def operator(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings as an operator makes them: the stand-in's sites and a catalog of its own."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def author(tmp_path: Path) -> Path:
    """The author's models folder: a LoRA and a VAE."""
    models = tmp_path / "author"
    write_safetensors(models / "loras/style/ink.safetensors", {"w": (64, 64)}, seed=1)
    write_safetensors(models / "vae/v.safetensors", {"w": (64, 32)}, seed=2)
    return models


@pytest.fixture
def recipient(tmp_path: Path) -> Path:
    """The recipient's models folder, empty."""
    models = tmp_path / "recipient"
    models.mkdir()
    return models


@pytest.fixture
def published(market: Marketplace, author: Path) -> dict[str, Published]:
    return {
        "ink": market.publish(author / "loras/style/ink.safetensors", model_name="Ink"),
        "v": market.publish(author / "vae/v.safetensors", model_name="V", type="VAE"),
    }


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return written(
        tmp_path / "portrait.json",
        ui_graph(
            ui_node(1, "SatchelLoraStack", stack_values("style/ink.safetensors")),
            ui_node(2, "VAELoader", ["v.safetensors"]),
        ),
    )


@pytest.fixture
def api(tmp_path: Path) -> Path:
    return written(
        tmp_path / "landscape.json",
        api_graph(
            api_node("LoraLoader", lora_name="style/ink.safetensors"),
            api_node("VAELoader", vae_name="v.safetensors"),
        ),
    )


@pytest.fixture
def portable(run: Run, graph: Path, author: Path, published: dict[str, Published]) -> Path:
    """The graph as its author exported it."""
    assert run("lock", "--embed", "--models", author, graph).status == 0
    return graph.with_name("portrait.portable.json")
