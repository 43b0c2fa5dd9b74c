"""What attackers hand in, sent to the routes of a real server: each gets its sentence.

The files and what they must say: `tests/data/hostile` and the table of hostile zips.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from satchel_tools.comfyui import ComfyUI
from support import hostile
from support.hostile_zips import HOSTILE

from satchel.errors import SatchelError
from satchel.workflow.documents import read_bytes

from .conftest import StartServer

pytestmark = pytest.mark.server

PREFIX = "/satchel/v1"
ROUTES = ("/plan", "/install", "/export", "/convert", "/run", "/bundle")
INDEX: list[dict[str, Any]] = [
    entry for entry in json.loads((hostile.FOLDER / "index.json").read_text("utf-8"))
    if ".tar" not in entry["file"]
]  # fmt: skip


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> ComfyUI:
    return start_server("attacked")


@pytest.fixture(autouse=True)
def _nothing_changed(server: ComfyUI) -> Any:
    """No file outside of where the server notes things, and it still answers."""
    before = files_of(server)
    yield
    assert files_of(server) == before
    assert server.get_json(f"{PREFIX}/status")["version"]


def files_of(server: ComfyUI) -> set[Path]:
    folders = ("models", "input", "output", "custom_nodes")
    return {path for name in folders for path in (server.base / name).rglob("*")}


def post(server: ComfyUI, route: str, body: Any) -> tuple[int, dict[str, Any]]:
    sent = {"Content-Type": "application/json"}
    status, answer = server.request("POST", PREFIX + route, json.dumps(body).encode(), sent)
    return status, json.loads(answer)


def as_body(content: bytes, name: str) -> dict[str, Any]:
    return {"base64": base64.b64encode(content).decode(), "name": name}


def is_readable(content: bytes, name: str) -> bool:
    """Whether only following its nodes tells that it is hostile."""
    try:
        read_bytes(content, name)
    except SatchelError:
        return False
    return True


@pytest.mark.parametrize("route", ROUTES)
def test_what_cannot_be_read_is_refused_by_every_route(server: ComfyUI, route: str) -> None:
    for entry in (entry for entry in INDEX if "error" in entry):
        name, content = entry["file"], (hostile.FOLDER / entry["file"]).read_bytes()
        code, says = entry["error"], entry["says"]
        if is_readable(content, name) and route == "/convert":
            continue  # it looks at each node once, and follows none
        if is_readable(content, name) and route == "/run":
            code, says = "no_api_graph", ""

        status, answer = post(server, route, as_body(content, name))

        told = answer["error"]
        assert (status // 100, told["code"]) == (4, code), name
        assert says in told["message"]
        assert told["hint"]


def test_what_can_be_read_is_planned_for_what_it_is_and_installs_nothing(server: ComfyUI) -> None:
    for entry in (entry for entry in INDEX if "plan" in entry):
        body = as_body((hostile.FOLDER / entry["file"]).read_bytes(), entry["file"])

        planned = post(server, "/plan", body)[1]["plan"]
        installed = post(server, "/install", body)[1]

        states = [model["state"] for model in planned["models"]]
        assert states == [state for state, _ in entry["plan"]], entry["file"]
        for model, (_, says) in zip(planned["models"], entry["plan"], strict=True):
            assert says in (model["reason"] or "")
        assert installed["installed"] == []


@pytest.mark.parametrize("way", ["base64", "upload"])
def test_a_hostile_zip_is_refused_however_it_comes_in(
    server: ComfyUI, tmp_path: Path, way: str
) -> None:
    for name, (make, reason) in HOSTILE.items():
        content = make()
        if way == "base64":
            body = as_body(content, "x.zip")
        else:
            sent = {"Content-Type": "application/zip"}
            _, answer = server.request("POST", f"{PREFIX}/uploads", content, sent)
            body = {"upload": json.loads(answer)["upload"], "name": "x.zip"}

        status, refused = post(server, "/plan", body)

        assert status // 100 == 4, name
        assert reason in refused["error"]["message"], name


def test_a_body_of_far_too_many_values_is_refused_before_it_is_parsed(server: ComfyUI) -> None:
    body = b'{"json": [' + b"{}," * 3_000_000 + b"1]}"

    sent = {"Content-Type": "application/json"}
    status, answer = server.request("POST", f"{PREFIX}/plan", body, sent)

    assert (status, json.loads(answer)["error"]["code"]) == (400, "invalid_input")
    assert "too many values" in json.loads(answer)["error"]["message"]
