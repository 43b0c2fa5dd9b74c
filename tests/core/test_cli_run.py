"""`satchel run` against a server that may answer anything: what is believed, sent and written."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, ui_graph, ui_node

from satchel.cli import main
from satchel.cli.run_outputs import _free_name, failure_of

PREFIX = "/satchel/v1"
TOKEN = "the-operators-own-token"
MODEL = {"name": "a.safetensors", "directory": "vae", "state": "missing", "fetch": True,
         "bytes": 5_000_000, "source": "civitai.com", "optional": False}  # fmt: skip
PLAN = {"models": [MODEL], "bytes_to_fetch": 5_000_000, "bytes_free": 10**12, "ok": False,
        "installable": True}  # fmt: skip
HERE = {**PLAN, "models": [{**MODEL, "state": "present", "fetch": False}], "bytes_to_fetch": 0,
        "ok": True, "installable": False}  # fmt: skip
API = api_graph(api_node("VAELoader", vae_name="a.safetensors"))
OUTPUTS = [
    {"filename": "x.png", "subfolder": "", "type": "output"},
    {"filename": "t.png", "subfolder": "", "type": "temp"},
]
DONE = {"status": {"status_str": "success"}, "outputs": {"9": {"images": OUTPUTS}}}


@dataclass
class Standin:
    """A server whose answers a test chooses: path -> JSON, (status, JSON) or a function."""

    answers: dict[str, Any]
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def asked(self, path: str) -> int:
        return sum(each[1] == path for each in self.seen)

    def headers(self) -> list[dict[str, str]]:
        return [each[2] for each in self.seen]


@pytest.fixture
def server() -> Iterator[Standin]:
    standin = Standin(
        {
            f"{PREFIX}/plan": {"job": "p"},
            f"{PREFIX}/jobs/p": {"state": "done", "result": {"plan": PLAN, "prompt": API}},
            f"{PREFIX}/install": {"job": "i"},
            f"{PREFIX}/jobs/i": {"state": "done", "result": {"plan": HERE, "prompt": API}},
            "/prompt": {"prompt_id": "run-1"},
            "/history/run-1": {"run-1": DONE},
            "/queue": {"queue_running": [], "queue_pending": []},
            "/view": b"pixels",
        }
    )

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            standin.seen.append((self.command, path, dict(self.headers.items()), body))
            found = standin.answers.get(path, (404, {}))
            status, value = found if isinstance(found, tuple) else (200, found)
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standin.url = f"http://127.0.0.1:{running.server_port}"
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield standin
    running.shutdown()
    running.server_close()


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "g.json"
    path.write_text(json.dumps(API))
    return path


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_CATALOG", str(tmp_path / "catalog.sqlite3"))
    monkeypatch.setattr("satchel.cli.run_graph.POLL_S", 0.0)


Go = Callable[..., int]


@pytest.fixture
def go(server: Standin, graph: Path) -> Go:
    return lambda *more: main(["run", str(graph), "--server", server.url, *map(str, more)])


# --- permissions --------------------------------------------------------------------------------


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


# --- what is sent -----------------------------------------------------------------------------


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


# --- what is believed ----------------------------------------------------------------------------


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


def test_images_of_a_bundle_are_uploaded_and_named_as_the_server_calls_them(
    server: Standin, graph: Path, tmp_path: Path
):
    loader = api_node("LoadImage", image="sub\\cat.png [input]")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.api.json", json.dumps(api_graph(loader)))
        archive.writestr("input/sub/cat.png", b"a cat")
        archive.writestr("input/unused.png", b"a dog")
    result = {"plan": {**HERE, "models": []}, "prompt": api_graph(loader)}
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": result}
    server.answers["/upload/image"] = {"name": "cat (1).png", "subfolder": "sub", "type": "input"}

    assert main(["run", str(tmp_path / "b.zip"), "--server", server.url]) == 0

    uploads = [body for _, path, _, body in server.seen if path == "/upload/image"]
    queued = [json.loads(body) for _, path, _, body in server.seen if path == "/prompt"]
    assert len(uploads) == 1
    assert b"a cat" in uploads[0]
    assert queued[0]["prompt"]["1"]["inputs"]["image"] == "sub/cat (1).png"


@pytest.mark.parametrize(("plan", "member", "told"), [
    (PLAN, "models/vae/a.safetensors", True), (PLAN, "models/vae/b.safetensors", False),
    (HERE, "models/vae/a.safetensors", False),
])  # fmt: skip
def test_that_a_bundles_models_stay_here_is_told_with_the_command_that_uses_them(
    server: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    plan: dict[str, Any], member: str, told: bool,
):  # fmt: skip
    server.answers[f"{PREFIX}/jobs/p"] = {"state": "done", "result": {"plan": plan, "prompt": API}}
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("b.api.json", json.dumps(API))
        archive.writestr(member, b"weights")

    main(["run", str(tmp_path / "b.zip"), "--server", server.url, "--dry-run"])

    printed = capsys.readouterr().out
    assert ("satchel install b.zip --models" in printed) is told
