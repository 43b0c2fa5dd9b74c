"""The server, a graph, and the command that sends one to the other."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.run_server import API, HERE, PLAN, PREFIX, Go, Standin

from satchel.cli import main

OUTPUTS = [
    {"filename": "x.png", "subfolder": "", "type": "output"},
    {"filename": "t.png", "subfolder": "", "type": "temp"},
]
DONE = {"status": {"status_str": "success"}, "outputs": {"9": {"images": OUTPUTS}}}


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
            body = self._body()
            standin.seen.append((self.command, path, dict(self.headers.items()), body))
            found = standin.answers.get(path, (404, {}))
            found = found() if callable(found) else found
            status, value = found if isinstance(found, tuple) else (200, found)
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

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


@pytest.fixture
def go(server: Standin, graph: Path) -> Go:
    return lambda *more: main(["run", str(graph), "--server", server.url, *map(str, more)])
