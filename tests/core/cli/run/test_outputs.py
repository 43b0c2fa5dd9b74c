"""`satchel run` against a server that may answer anything: what is believed and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.run_server import PREFIX, Go, Standin

from satchel.cli.run_outputs import _free_name, failure_of


def test_outputs_are_saved_and_previews_are_not(server: Standin, go: Go, tmp_path: Path):
    assert go("--yes", "--output", tmp_path / "out") == 0
    assert go("--yes", "--output", tmp_path / "out") == 0

    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["x-1.png", "x.png"]
    assert (tmp_path / "out/x.png").read_bytes() == b"pixels"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.png", "x.png"),
        ("../../x.png", "x.png"),
        ("..\\..\\x.png", "x.png"),
        ("/etc/passwd", "passwd"),
        ("C:\\x.png", "x.png"),
        (".bashrc", "output.bin"),
        ("..", "output.bin"),
        ("con.png", "output.bin"),
        ("a:b", "output.bin"),
        ("a\0b", "output.bin"),
    ],
)
def test_names_of_outputs_stay_in_their_folder(tmp_path: Path, name: str, expected: str):
    assert _free_name(tmp_path, name) == tmp_path / expected


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (f"{PREFIX}/plan", (404, {})),
        (f"{PREFIX}/plan", b"<html>"),
        (f"{PREFIX}/plan", []),
        (f"{PREFIX}/plan", {"job": "../../x"}),
        (f"{PREFIX}/jobs/p", []),
        (f"{PREFIX}/jobs/p", {"state": "done", "result": []}),
        (f"{PREFIX}/jobs/p", {"state": "failed", "error": {"message": "No.", "code": "x"}}),
        (f"{PREFIX}/jobs/p", {"state": "failed"}),
        (f"{PREFIX}/jobs/i", {"state": "cancelled"}),
        ("/prompt", (400, {"error": {"message": "Bad"}, "node_errors": {"5": {}}})),
        ("/prompt", {}),
        ("/prompt", {"prompt_id": "../x"}),
        ("/history/run-1", {}),
        ("/history/run-1", []),
        ("/view", (404, {})),
    ],
)
def test_any_answer_ends_in_a_sentence(
    server: Standin, go: Go, path: str, answer: Any, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    server.answers[path] = answer

    assert go("--yes", "--output", tmp_path / "out") in (1, 2)
    assert capsys.readouterr().err.startswith("satchel: ")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ({"status_str": "success"}, ""),
        ({"status_str": "error", "messages": [["execution_error", {
            "node_id": "5", "node_type": "KSampler", "exception_message": "boom\n"}]]},
         "Node 5 (KSampler) failed: boom"),
        ({"status_str": "error", "messages": [["execution_interrupted", {}]]},
         "The run was interrupted."),
        ({"status_str": "error", "messages": [5, [], ["x"]]}, "The run failed."),
        ({"status_str": "error"}, "The run failed."),
    ],
)  # fmt: skip
def test_why_a_run_failed(status: dict[str, Any], sentence: str):
    assert failure_of({"status": status}) == sentence


def test_a_run_that_failed_exits_with_1(server: Standin, go: Go):
    server.answers["/history/run-1"] = {"run-1": {"status": {"status_str": "error"}}}

    assert go("--yes") == 1
