"""`satchel run`: what is agreed to before anything is fetched, and what is sent to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.graphs import ui_graph, ui_node
from support.run_server import API, HERE, MODEL, PLAN, PREFIX, Go, Standin

from satchel.cli import main

TOKEN = "the-operators-own-token"

# --- permissions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status", "installs"),
    [
        ((), 3, 0),
        (("--yes",), 0, 1),
        (("--yes", "--max-bytes", "5MB"), 0, 1),
        (("--yes", "--max-bytes", "4999999"), 3, 0),
        (("--yes", "--max-bytes", "0"), 3, 0),
        (("--dry-run",), 1, 0),
        (("--dry-run", "--yes"), 1, 0),
    ],
)
def test_nothing_is_fetched_without_agreement(
    server: Standin, go: Go, arguments: tuple[str, ...], status: int, installs: int
):
    assert go(*arguments) == status
    assert server.asked(f"{PREFIX}/install") == installs
    assert server.asked("/prompt") == installs


def test_where_everything_is_there_no_agreement_is_needed(server: Standin, go: Go):
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": {"plan": HERE, "prompt": API}}

    assert go() == 0
    assert server.asked(f"{PREFIX}/install") == 0


def test_a_model_that_cannot_be_had_stops_before_anything_is_fetched(
    server: Standin, go: Go, capsys: pytest.CaptureFixture[str]
):
    lost = {**MODEL, "state": "login", "fetch": False, "reason": "It asks for a login."}
    plan = {**PLAN, "models": [MODEL, lost]}
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": {"plan": plan, "prompt": API}}

    assert go("--yes") == 1
    assert "It asks for a login." in capsys.readouterr().err
    assert server.asked(f"{PREFIX}/install") == 0


def test_a_server_that_does_not_let_this_client_install_exits_with_3(
    server: Standin, go: Go, capsys: pytest.CaptureFixture[str]
):
    error = {"code": "install_not_allowed", "message": "Not you.", "hint": "Send the token."}
    server.answers[f"{PREFIX}/install"] = (403, {"error": error})

    assert go("--yes") == 3
    assert "Not you. Send the token." in capsys.readouterr().err


def test_no_room_on_the_server_is_told(server: Standin, go: Go):
    plan = {**PLAN, "bytes_free": 5, "installable": False}
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": {"plan": plan, "prompt": API}}

    assert go("--yes") == 3


# --- what is sent --------------------------------------------------------------------------------


def test_the_operators_token_goes_to_the_server_alone(
    server: Standin, go: Go, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SATCHEL_OPERATOR_TOKEN", TOKEN)
    server.answers["/prompt"] = (302, {})

    assert go("--yes") == 1
    assert {headers.get("X-Satchel-Token") for headers in server.headers()} == {TOKEN}
    assert server.asked("/elsewhere") == 0  # a redirect is not followed
    assert TOKEN not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8188", "ftp://x", "http://", "http://u:p@x", "http://x/?a=b", "http://x:99999", ""],
)
def test_addresses_of_servers_that_are_none(graph: Path, url: str):
    assert main(["run", str(graph), "--server", url]) == 2


def test_a_server_that_is_not_there(graph: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", str(graph), "--server", "http://127.0.0.1:1"]) == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("value", [ui_graph(ui_node(1, "A")), {"version": 1, "models": []}])
def test_what_has_no_api_graph_is_bad_input_and_nobody_is_asked(
    server: Standin, go: Go, graph: Path, value: Any, capsys: pytest.CaptureFixture[str]
):
    graph.write_text(json.dumps(value))

    assert go() == 2
    assert "Export (API)" in capsys.readouterr().err
    assert server.seen == []
