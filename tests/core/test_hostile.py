"""Every file of tests/data/hostile says what its index says, whichever way it comes in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import hostile
from support.workspaces import make_workspace

from satchel.archives import extract_member, is_weights
from satchel.cli import main
from satchel.errors import SatchelError
from satchel.workflow.author import build_lock
from satchel.workflow.documents import read_bytes, read_file
from satchel.workflow.export import export
from satchel.workflow.lock import Lock
from satchel.workflow.plan import plan_document

INDEX: list[dict[str, Any]] = json.loads((hostile.FOLDER / "index.json").read_text("utf-8"))


def cases(*keys: str, archives: bool = False) -> Any:
    chosen = [
        entry for entry in INDEX if keys[0] in entry and (".tar" in entry["file"]) == archives
    ]
    return pytest.mark.parametrize("entry", chosen, ids=lambda entry: entry["file"])


def test_the_index_and_the_files_are_what_their_script_writes():
    made = {name: content for name, content, _ in hostile.cases() if not name.endswith(".gz")}

    assert {name: (hostile.FOLDER / name).read_bytes() for name in made} == made
    assert [{"file": name, **says} for name, _, says in hostile.cases()] == INDEX


@pytest.mark.timeout(60)
@cases("error")
def test_what_cannot_be_read_is_refused_with_its_reason(tmp_path: Path, entry: dict[str, Any]):
    path = hostile.FOLDER / entry["file"]
    for read in (lambda: read_file(path), lambda: read_bytes(path.read_bytes(), path.name)):
        with pytest.raises(SatchelError) as refused:
            plan_document(read(), make_workspace(tmp_path), quick=True)
        assert refused.value.code == entry["error"]
        assert entry["says"] in str(refused.value)
        assert refused.value.hint


@pytest.mark.timeout(60)
@cases("plan")
def test_what_can_be_read_is_planned_for_what_it_is(tmp_path: Path, entry: dict[str, Any]):
    workspace = make_workspace(tmp_path)

    plan = plan_document(read_file(hostile.FOLDER / entry["file"]), workspace)

    assert [planned.state for planned in plan.models] == [state for state, _ in entry["plan"]]
    for planned, (_, says) in zip(plan.models, entry["plan"], strict=True):
        assert says in planned.reason
        assert planned.target is None
    assert plan.to_fetch == []


@pytest.mark.timeout(60)
@cases("error")
def test_the_command_line_says_it_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: dict[str, Any]
):
    (tmp_path / "models").mkdir()

    status = main(["plan", str(hostile.FOLDER / entry["file"]), "--models", str(tmp_path)])

    printed = capsys.readouterr()
    assert (status, printed.out) == (2, "")
    assert entry["says"] in printed.err
    assert len(printed.err) < 2000
    assert printed.err.replace("\n", "").isprintable()


@pytest.mark.timeout(60)
@cases("plan")
def test_the_command_line_shows_a_plan_that_drives_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: dict[str, Any]
):
    (tmp_path / "models").mkdir()

    status = main(["plan", str(hostile.FOLDER / entry["file"]), "--models", str(tmp_path)])

    printed = capsys.readouterr()
    assert status == (1 if entry["plan"] else 0)
    assert printed.out.replace("\n", "").isprintable()
    for state, says in entry["plan"]:
        assert state in printed.out
        assert says in printed.err or state == "missing"


@cases("scrubbed")
def test_an_export_keeps_no_secret(tmp_path: Path, entry: dict[str, Any]):
    document = read_file(hostile.FOLDER / entry["file"])
    assert entry["scrubbed"] in json.dumps(document.ui)

    made = export(document, build_lock(document, make_workspace(tmp_path)))

    assert entry["scrubbed"] not in json.dumps(made.to_json())
    assert made.removed


@pytest.mark.timeout(60)
@cases("error", archives=True)
def test_an_archive_gives_nothing_or_the_one_file(tmp_path: Path, entry: dict[str, Any]):
    path = hostile.FOLDER / entry["file"]
    with pytest.raises(SatchelError, match=entry["says"]) as refused:
        extract_member(path, tmp_path / "out", wanted=is_weights, max_bytes=1 << 30)

    assert refused.value.code == entry["error"]
    assert list(tmp_path.iterdir()) == []


def test_unknown_nodes_and_keys_survive_an_export_untouched(tmp_path: Path):
    odd = {"id": 7, "type": "FromTheFuture", "widgets_values": {"x": [1, {"y": None}]}, "new": [0]}
    graph = {**hostile.graph(hostile.loader("a.safetensors"), odd), "future": {"a": 1},
             "extra": {"theirs": True}}  # fmt: skip
    document = read_bytes(json.dumps(graph).encode(), "x.json")

    ui = export(document, build_lock(document, make_workspace(tmp_path))).document.ui

    assert ui is not None
    assert ui.pop("extra").pop("theirs") is True
    assert ui["nodes"][1] == odd
    assert ui["future"] == {"a": 1}


def test_a_lock_with_unknown_keys_is_read_and_a_graph_keeps_them():
    value = hostile.lock({**hostile.model(), "future": 1}, future={"b": 2})
    graph = hostile.graph(hostile.loader("a.safetensors"), extra={"satchel": value})

    document = read_bytes(json.dumps(graph).encode(), "x.json")

    assert document.lock is not None
    assert document.lock.more == {"future": {"b": 2}}
    assert document.lock.models[0].more == {"future": 1}
    known = replace(document.lock, models=(replace(document.lock.models[0], more={}),), more={})
    assert known == Lock.from_json(hostile.lock(hostile.model()))
    assert document.ui == graph


def test_a_lock_of_an_unknown_version_is_told_and_goes_along_untouched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "graph.json"
    value = {"version": 99, "models": "otherwise"}
    graph = hostile.graph(hostile.loader("a.safetensors"), extra={"satchel": value})
    path.write_text(json.dumps(graph))
    (tmp_path / "models").mkdir()

    for command in (["lock", "--write"], ["lock", "--embed"], ["plan"], ["install"]):
        assert main([*command, str(path), "--models", str(tmp_path)]) == 1  # the model is missing
        assert "version 99" in capsys.readouterr().out
        (tmp_path / "graph.lock.json").unlink(missing_ok=True)  # the next would go by that
    assert json.loads(path.read_text()) == graph
    portable = json.loads((tmp_path / "graph.portable.json").read_text())
    assert portable["extra"]["satchel_newer"] == value
