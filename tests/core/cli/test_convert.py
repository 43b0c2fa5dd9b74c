"""`satchel convert`: what it says, what it writes, what it returns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.graphs import png_image, ui_graph, ui_node

from satchel.cli import main

POWER = "Power Lora Loader (rgthree)"
POWER_NODE = ui_node(1, POWER, [{}, {"on": True, "lora": "a\\b.safetensors", "strength": 11}, ""])
MANAGED = ui_node(
    2, "Lora Loader (LoraManager)", ["", [{"name": "ink", "strength": 1, "active": True}]]
)
RANDOM = ui_node(3, "CR Random LoRA Stack", [])
INSPIRE = ui_node(
    4, "LoraLoaderBlockWeight //Inspire",
    ["All", "a.safetensors", 1, 1, False, 0, "fixed", 4, 1, "Preset", "MINE", False],
)  # fmt: skip


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_CATALOG", str(tmp_path / "user/catalog.sqlite3"))
    monkeypatch.chdir(tmp_path)


def graph_file(folder: Path, *nodes: dict[str, Any]) -> Path:
    path = folder / "graph.json"
    path.write_text(json.dumps(ui_graph(*nodes)), encoding="utf-8")
    return path


def models(folder: Path) -> Path:
    """A models folder with one LoRA."""
    loras = folder / "models" / "loras" / "style"
    loras.mkdir(parents=True)
    (loras / "ink.safetensors").touch()
    return folder / "models"


def test_it_tells_what_would_become_of_each_node_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = graph_file(tmp_path, POWER_NODE)
    before = path.read_bytes()

    status = main(["convert", str(path)])

    out = capsys.readouterr().out
    assert status == 0
    assert f"node 1: {POWER} becomes SatchelLoraStack, rows: 1" in out
    assert "the model strength was 11; it is 10 now" in out
    assert "Nothing is changed yet: -o FILE" in out
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_it_writes_the_converted_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, output = graph_file(tmp_path, MANAGED), tmp_path / "new.json"

    status = main(["convert", str(path), "-o", str(output), "--models", str(models(tmp_path))])

    (node,) = json.loads(output.read_text(encoding="utf-8"))["nodes"]
    assert status == 0
    assert node["widgets_values"] == [True, str(Path("style/ink.safetensors")), 1.0, 1.0, ""]
    assert f"Wrote {output}." in capsys.readouterr().out


def test_a_node_that_stays_is_status_1_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["convert", str(graph_file(tmp_path, POWER_NODE, RANDOM))])

    assert status == 1
    assert "node 3: CR Random LoRA Stack stays. It draws" in capsys.readouterr().out


def test_json_has_the_graph_and_what_happened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["convert", str(graph_file(tmp_path, POWER_NODE, RANDOM)), "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"graph", "prompt", "converted", "kept"}
    assert answer["graph"]["nodes"][0]["type"] == "SatchelLoraStack"
    assert [entry["node"] for entry in answer["converted"]] == ["1"]
    assert [entry["node"] for entry in answer["kept"]] == ["3"]
    assert answer["prompt"] is None


def test_presets_beside_the_catalog_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = graph_file(tmp_path, INSPIRE)
    assert main(["convert", str(path)]) == 1
    assert "Copy that pack's lbw-preset.txt" in capsys.readouterr().out

    presets = tmp_path / "user" / "presets"
    presets.mkdir(parents=True, exist_ok=True)
    (presets / "lbw-preset.txt").write_text(f"MINE:{','.join('1' * 17)}\n", encoding="utf-8")

    assert main(["convert", str(path), "--json"]) == 0
    (node,) = json.loads(capsys.readouterr().out)["graph"]["nodes"]
    assert node["widgets_values"][4] == f"inspire:{','.join('1' * 17)}"


def test_a_graph_without_such_nodes_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(graph_file(tmp_path, ui_node(1, "KSampler")))]) == 0
    assert "no LoRA nodes of packs that are known here" in capsys.readouterr().out


def test_an_image_is_read_and_a_graph_is_written(tmp_path: Path) -> None:
    image = tmp_path / "x.png"
    image.write_bytes(png_image(texts={"workflow": ui_graph(POWER_NODE)}))

    assert main(["convert", str(image), "-o", str(tmp_path / "new.png")]) == 2
    assert main(["convert", str(image), "-o", str(tmp_path / "new.json")]) == 0
    assert json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))["nodes"]
