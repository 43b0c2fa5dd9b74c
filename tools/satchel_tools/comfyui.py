"""A real ComfyUI as a child process: for the demo, the tests that need a server, and `serve`.

    with ComfyUI(host, tmp_path / "base") as comfy:
        entry = comfy.run_prompt(graph)

Only this checkout is loaded as a custom node, and everything that the server reads or writes
lies below the base directory, its database included.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from . import ROOT
from .base_directory import PACK_NAME, link_directory, make_base_directory
from .problems import ToolError
from .running import clean_environment

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class HostLike(Protocol):
    """What is needed of `satchel_tools.host.Host`."""

    @property
    def directory(self) -> Path: ...
    @property
    def python(self) -> Path: ...


class ServerError(ToolError):
    """The server did not start, or died; the message ends with the end of its log."""


class RequestRefusedError(ToolError):
    """The server answered with a status of 400 or more. `body` is its JSON, or its text."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        super().__init__(f"{method} {path} was answered with {status}: {_shorten(body)}")
        self.status = status
        self.body = body


class PromptFailedError(ToolError):
    """A prompt was refused or failed while running. `details` is what the server said."""

    def __init__(self, message: str, details: Any) -> None:
        super().__init__(message)
        self.details = details


class ComfyUI:
    """One server; may be started again after it was stopped.

    Args:
        base_directory: made when missing, kept when the server stops.
        port: 0 takes a free one at each start.
        extra_args: more arguments for ComfyUI's main.py.
        env: environment variables to add; None as a value removes one.
        log: where its output goes (appended); None lets it through to our own.
    """

    def __init__(
        self,
        host: HostLike,
        base_directory: Path,
        *,
        pack: Path | None = ROOT,
        port: int = 0,
        cpu: bool = True,
        extra_args: Sequence[str] = (),
        env: Mapping[str, str | None] | None = None,
        log: Path | str | None = "comfyui.log",
    ) -> None:
        self.host = host
        self.base = Path(base_directory).absolute()
        self.pack = pack
        self.requested_port = port
        self.port = port
        self.cpu = cpu
        self.extra_args = list(extra_args)
        self.env = dict(env or {})
        self.log = None if log is None else self.base / log
        self.process: subprocess.Popen[bytes] | None = None
        # A proxy of the environment must not get requests to loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- its life ---------------------------------------------------------------------------

    def __enter__(self) -> ComfyUI:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, timeout_s: float = START_TIMEOUT_S) -> ComfyUI:
        """Boots it and returns when it answers.

        Raises:
            ServerError: it died early or did not answer in time.
        """
        make_base_directory(self.base)
        if self.pack is not None:
            link_directory(self.base / "custom_nodes" / PACK_NAME, self.pack)
        self.port = self.requested_port or free_port()
        output = None if self.log is None else self.log.open("ab")
        try:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.base,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                env=self._environment(),
            )
        finally:
            if output is not None:
                output.close()
        try:
            self._wait_until_ready(self.process, time.monotonic() + timeout_s)
        except BaseException:
            self.kill()
            raise
        return self

    def command(self) -> list[str]:
        """The command line, for this port."""
        only_ours = ["--whitelist-custom-nodes", PACK_NAME] if self.pack is not None else []
        return [
            str(self.host.python),
            str(self.host.directory / "main.py"),
            *(["--cpu"] if self.cpu else []),
            *("--listen", "127.0.0.1", "--port", str(self.port)),
            *("--base-directory", str(self.base)),
            # By default the database lies beside the source, where two servers would share it.
            *("--database-url", f"sqlite:///{(self.base / 'user' / 'comfyui.db').as_posix()}"),
            *("--disable-auto-launch", "--disable-api-nodes", "--disable-all-custom-nodes"),
            *only_ours,
            *self.extra_args,
        ]

    def _environment(self) -> dict[str, str]:
        loopback = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost")))
        changes: dict[str, str | None] = {
            "NO_PROXY": loopback,
            "no_proxy": loopback,
            "PYTHONUNBUFFERED": "1",
            **self.env,
        }
        return clean_environment(**changes)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerError(
                    f"ComfyUI ended at its start with status {process.returncode}.{self._why()}"
                )
            try:
                self.get_json("/system_stats", timeout_s=5)
            except (OSError, RequestRefusedError):
                time.sleep(0.2)
            else:
                return
        raise ServerError(f"ComfyUI did not answer at {self.url} in time.{self._why()}")

    def stop(self) -> None:
        """Asks it to end, and ends it when it does not; does nothing when it is not running."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self.process = None

    def kill(self) -> None:
        """Ends it at once, as a crash or a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def log_tail(self, lines: int = 30) -> str:
        """The end of its log; empty when the output was not logged."""
        if self.log is None or not self.log.exists():
            return ""
        written = self.log.read_text("utf-8", errors="replace").splitlines()[-lines:]
        return _COLOUR.sub("", "\n".join(written))

    def _why(self) -> str:
        tail = self.log_tail()
        return f" The end of {self.log}:\n{tail}" if tail else ""

    # --- requests ---------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
    ) -> tuple[int, bytes]:
        """One request as it is: the status, whatever it is, and the bytes of the answer."""
        request = urllib.request.Request(
            self.url + path, data=body, method=method, headers=dict(headers or {})
        )
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def get_json(self, path: str, timeout_s: float = 60.0) -> Any:
        return self._json("GET", path, None, timeout_s)

    def post_json(self, path: str, body: Any, timeout_s: float = 600.0) -> Any:
        return self._json("POST", path, body, timeout_s)

    def _json(self, method: str, path: str, body: Any, timeout_s: float) -> Any:
        """Raises RequestRefusedError, with the decoded answer, for a status of 400 or more."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {} if sent is None else {"Content-Type": "application/json"}
        status, received = self.request(method, path, sent, headers, timeout_s)
        try:
            answer = json.loads(received) if received else None
        except ValueError:
            answer = received.decode("utf-8", "replace")
        if status >= 400:
            raise RequestRefusedError(method, path, status, answer)
        return answer

    def run_prompt(
        self,
        prompt: Mapping[str, Any],
        extra_data: Mapping[str, Any] | None = None,
        timeout_s: float = 300.0,
    ) -> dict[str, Any]:
        """Runs an API graph and returns its history entry: `prompt, outputs, status, meta`.

        Raises:
            PromptFailedError: the graph was refused, or a node failed.
        """
        body = {"prompt": prompt, "client_id": uuid.uuid4().hex, "extra_data": extra_data or {}}
        try:
            prompt_id = self.post_json("/prompt", body)["prompt_id"]
        except RequestRefusedError as error:
            raise PromptFailedError(explain_refusal(error.body), error.body) from error
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise ServerError(f"ComfyUI died while it ran a prompt.{self._why()}")
            entry: dict[str, Any] | None = self.get_json(f"/history/{prompt_id}").get(prompt_id)
            if entry is not None:
                if entry["status"]["status_str"] != "success":
                    raise PromptFailedError(explain_failure(entry), entry)
                return entry
            time.sleep(0.1)
        raise PromptFailedError(f"The prompt was not finished after {timeout_s:.0f} s.", None)


def explain_refusal(body: Any) -> str:
    """A sentence from what POST /prompt answers when it refuses a graph."""
    if not isinstance(body, dict) or "error" not in body:
        return f"The prompt was refused: {_shorten(body)}"
    error = body["error"]
    parts = [error["message"] if isinstance(error, dict) else str(error)]
    for node_id, node in (body.get("node_errors") or {}).items():
        for problem in node["errors"]:
            parts.append(
                f"node {node_id} ({node['class_type']}): "
                f"{problem['message']}: {problem.get('details', '')}"
            )
    return "The prompt was refused: " + "; ".join(parts)


def explain_failure(entry: Mapping[str, Any]) -> str:
    """A sentence from the history entry of a prompt that failed while it ran."""
    for name, message in entry["status"].get("messages", []):
        if name == "execution_error":
            return (
                f"Node {message['node_id']} ({message['node_type']}) failed: "
                f"{message['exception_message'].strip()}"
            )
        if name == "execution_interrupted":
            return f"The prompt was interrupted at node {message['node_id']}."
    return f"The prompt failed: {_shorten(entry['status'])}"


def _shorten(body: Any) -> str:
    text = body if isinstance(body, str) else json.dumps(body)
    return text if len(text) <= 500 else text[:497] + "..."


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
