"""`satchel bundle` and `satchel diff` on the command line."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from support.graphs import ui_graph, ui_node
from support.models import write_safetensors

from satchel.cli import main


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_CATALOG", str(tmp_path / "catalog.sqlite3"))
    for kind in ("CIVITAI", "CIVARCHIVE", "HUGGINGFACE", "MODELSCOPE", "FAL", "REPLICATE"):
        monkeypatch.setenv(f"SATCHEL_{kind}_URL", "off")


@pytest.fixture
def comfyui(tmp_path: Path) -> Path:
    """A ComfyUI folder with a model, an input image and a pack."""
    base = tmp_path / "ComfyUI"
    write_safetensors(base / "models/loras/ink.safetensors", seed=1)
    (base / "custom_nodes/a-pack").mkdir(parents=True)
    (base / "input").mkdir()
    (base / "input/cat.png").write_bytes(b"a cat")
    return base


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "g.json"
    loader = ui_node(1, "LoraLoader", ["ink.safetensors", 1, 1], properties={"cnr_id": "a-pack"})
    path.write_text(json.dumps(ui_graph(loader, ui_node(2, "LoadImage", ["cat.png", "image"]))))
    return path


def test_a_bundle_is_packed_unpacked_and_compared(
    comfyui: Path, graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    bundle, out = tmp_path / "b.zip", tmp_path / "out"

    packed = main(["bundle", str(graph), "--with-models", "-o", str(bundle), "--models",
                   str(comfyui)])  # fmt: skip
    opened = main(["bundle", "--open", str(bundle), "-o", str(out)])
    same = main(["diff", str(bundle), "--models", str(comfyui)])
    (comfyui / "models/loras/ink.safetensors").unlink()
    capsys.readouterr()
    differs = main(["diff", str(bundle), "--models", str(comfyui)])

    assert (packed, opened, same, differs) == (0, 0, 0, 1)
    assert capsys.readouterr().out.startswith("- loras/ink.safetensors  ")
    assert (out / "input/cat.png").read_bytes() == b"a cat"
    assert (out / "models/loras/ink.safetensors").is_file()


def test_an_input_that_is_missing_is_told_and_the_bundle_is_written(
    comfyui: Path, graph: Path, capsys: pytest.CaptureFixture[str]
):
    (comfyui / "input/cat.png").unlink()

    status = main(["bundle", str(graph), "--models", str(comfyui), "--json"])

    printed = capsys.readouterr()
    assert status == 1
    assert "The input cat.png is not here" in printed.err
    assert json.loads(printed.out)["entries"] == ["g.json", "g.lock.json"]
    assert zipfile.is_zipfile(graph.with_name("g.zip"))


@pytest.mark.parametrize("output", ["x.png", "absent/x.zip"])
def test_a_bundle_goes_into_a_zip_in_a_folder_that_exists(
    comfyui: Path, graph: Path, tmp_path: Path, output: str
):
    arguments = ["bundle", str(graph), "-o", str(tmp_path / output), "--models", str(comfyui)]

    assert main(arguments) == 2


def test_two_graphs_are_compared_without_any_models_folder(
    graph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.json"
    other.write_text(json.dumps(ui_graph(ui_node(1, "LoraLoader", ["new.safetensors", 1, 1]))))

    assert main(["diff", str(graph), str(graph)]) == 0
    assert capsys.readouterr().out == "No differences.\n"
    assert main(["diff", str(graph), str(other)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "+ loras/new.safetensors  not pinned  (added)",
        "- loras/ink.safetensors  not pinned  (removed)",
        "- node pack a-pack  (removed)",
        "1 added, 2 missing, 0 changed.",
    ]
