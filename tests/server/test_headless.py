"""Workflows without a browser: docs/headless.md as it is written, /run, preloading, tokens."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from satchel_tools import ROOT
from satchel_tools.comfyui import ComfyUI, RequestRefusedError
from satchel_tools.demo_graphs import demo_graph, stack_rows, to_api
from satchel_tools.demo_models import CLIP, LORAS, UNET, VAE
from support.marketplace import Marketplace

from .conftest import TOKEN, StartServer
from .test_routes import API, MODELS, PREFIX, UI

pytestmark = pytest.mark.server

OPERATOR_TOKEN = "the-operators-own-token"
ELSEWHERE = {"X-Forwarded-For": "192.0.2.1", "Content-Type": "application/json"}
"""What a proxy on the server's machine says about a client that is not."""
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"# exits with (\d)")


@pytest.fixture(scope="module")
def portrait(author: ComfyUI) -> bytes:
    """An image with both graphs and the lock, as its author exports it."""
    entry = author.run_prompt(API, {"extra_pnginfo": {"workflow": UI}})
    (image,) = entry["outputs"]["10"]["images"]
    png = (author.base / image["type"] / image["filename"]).read_bytes()
    document = {"base64": base64.b64encode(png).decode(), "name": "portrait.png"}
    exported = author.post_json(f"{PREFIX}/export", document)
    return base64.b64decode(exported["png_base64"])


@pytest.fixture(scope="module")
def lock(portrait: bytes, author: ComfyUI) -> dict[str, Any]:
    document = {"base64": base64.b64encode(portrait).decode()}
    exported: dict[str, Any] = author.post_json(f"{PREFIX}/export", document)
    found: dict[str, Any] = exported["lock"]
    return found


def commands(document: str) -> Iterator[tuple[str, int]]:
    """The commands of a document's `sh` blocks, and the status that it says they exit with."""
    for block in BLOCK.findall((ROOT / "docs" / document).read_text("utf-8")):
        for line in block.splitlines():
            told = STATUS.search(line)
            yield line.partition("   #")[0], int(told[1]) if told else 0


def run_shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, capture_output=True, text=True,
        timeout=300, stdin=subprocess.DEVNULL, env={**os.environ, **environment},
    )  # fmt: skip


def run_documented(
    document: str, server: ComfyUI, folder: Path, environment: dict[str, str], *, least: int
) -> str:
    """Runs the commands of a document one after the other; returns all that they print."""
    listed, told = list(commands(document)), ""
    assert len(listed) >= least
    for line, status in listed:
        real = line.replace("http://127.0.0.1:8188", server.url)
        real = real.replace("/path/to/ComfyUI", str(server.base))
        done = run_shell(real, folder, **environment)
        assert done.returncode == status, f"{line}\n{done.stdout}\n{done.stderr}"
        told += done.stdout + done.stderr
    assert TOKEN not in told
    return told


@pytest.fixture
def satchel(tmp_path: Path, market: Marketplace) -> dict[str, str]:
    """An environment with the `satchel` command of this checkout."""
    command = tmp_path / "bin" / "satchel"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m satchel "$@"\n')
    command.chmod(0o755)
    core = tmp_path / "core"  # the root would hide other modules behind ours
    core.mkdir()
    (core / "satchel").symlink_to(ROOT / "satchel")
    return {
        **market.environment,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(core),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "SATCHEL_CREDENTIALS": "off",
        "CIVITAI_API_TOKEN": TOKEN,
    }


def test_the_commands_of_the_documentation_do_what_it_says(
    portrait: bytes, start_server: StartServer, satchel: dict[str, str], tmp_path: Path
) -> None:
    server = start_server("documented")
    folder = tmp_path / "work"
    (folder / "other-machine").mkdir(parents=True)
    (folder / "portrait.png").write_bytes(portrait)
    run_documented("headless.md", server, folder, satchel, least=11)

    assert [path.suffix for path in (folder / "results").iterdir()] == [".png"]
    assert len(list((folder / "other-machine").rglob("*.safetensors"))) == MODELS
    assert (folder / "portrait" / "portrait.lock.json").is_file()


def refused(server: ComfyUI, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(RequestRefusedError) as caught:
        server.post_json(PREFIX + path, body)
    return caught.value.status, caught.value.body["error"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"json": UI}, "no_api_graph"),
        ({"json": {"version": 1, "models": []}}, "no_api_graph"),
        ({"json": {"1": {"class_type": "VAELoader", "inputs": {"vae_name": "no.sft"}}}},
         "models_missing"),
        ({"json": {"1": {"class_type": "NoSuchNode", "inputs": {}}}}, "prompt_refused"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_before_it_is_queued(
    author: ComfyUI, body: Any, code: str
) -> None:
    status, error = refused(author, "/run", body)

    assert (status // 100, error["code"]) == (4, code)
    assert error["hint"]
    assert author.get_json("/queue") == {"queue_running": [], "queue_pending": []}


def test_a_run_is_json_and_a_post(author: ComfyUI) -> None:
    body = json.dumps({"json": API}).encode()

    assert author.request("POST", PREFIX + "/run", body, {"Content-Type": "text/plain"})[0] == 415
    assert author.request("GET", PREFIX + "/run")[0] in (404, 405)


def test_a_ui_graph_alone_is_bad_input_with_a_hint(
    author: ComfyUI, satchel: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ui.json").write_text(json.dumps(UI))

    done = run_shell(f"satchel run ui.json --server {author.url}", tmp_path, **satchel)

    assert done.returncode == 2
    assert "Export (API)" in done.stderr


def test_more_than_max_bytes_is_refused_even_with_yes(
    portrait: bytes, recipient: ComfyUI, satchel: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "p.png").write_bytes(portrait)
    line = f"satchel run p.png --server {recipient.url} --yes --max-bytes 1MB"

    done = run_shell(line, tmp_path, **satchel)

    assert done.returncode == 3
    assert "more than the 1.0 MB" in done.stderr
    assert list((recipient.base / "models").rglob("*.safetensors")) == []


@pytest.fixture
def policy(recipient: ComfyUI) -> Iterator[Path]:
    """The policy file of a server, empty; it is gone afterwards."""
    path = recipient.base / "user" / "__satchel" / "satchel.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    yield path
    path.unlink()


def test_clients_elsewhere_need_the_operators_token(
    lock: dict[str, Any], recipient: ComfyUI, policy: Path
) -> None:
    server = recipient
    policy.write_text(f'[install]\noperator_token = "{OPERATOR_TOKEN}"\n')
    nothing = json.dumps({"json": {**lock, "models": []}}).encode()

    def status(**headers: str) -> int:
        sent = {**ELSEWHERE, **headers}
        return server.request("POST", PREFIX + "/install", nothing, sent)[0]

    assert status() == 403
    assert status(**{"X-Satchel-Token": OPERATOR_TOKEN[:-1]}) == 403
    assert status(**{"X-Satchel-Token": OPERATOR_TOKEN}) == 200
    assert server.post_json(f"{PREFIX}/install", json.loads(nothing))["plan"]["ok"]
    told = server.request("GET", PREFIX + "/status")[1].decode()
    assert json.loads(told)["policy"]["operator_token"] is True
    assert OPERATOR_TOKEN not in told
    run = json.dumps({"json": API, "lock": lock}).encode()
    planned = json.loads(server.request("POST", PREFIX + "/plan", run, ELSEWHERE)[1])
    assert planned["refusal"]["code"] == "install_not_allowed"
    assert server.post_json(f"{PREFIX}/plan", json.loads(run))["refusal"] is None
    code, answer = server.request("POST", PREFIX + "/run", run, ELSEWHERE)
    assert (code, json.loads(answer)["error"]["code"]) == (403, "install_not_allowed")


def test_a_policy_file_with_a_mistake_stops_everything_it_rules(
    lock: dict[str, Any], recipient: ComfyUI, policy: Path
) -> None:
    policy.write_text("[install]\nremot = 'nobody'\n")

    status, error = refused(recipient, "/install", {"json": lock})

    assert (status, error["code"]) == (500, "policy")
    assert "install.remot" in error["message"]


def test_a_run_in_one_request_installs_and_queues(portrait: bytes, recipient: ComfyUI) -> None:
    document = {"base64": base64.b64encode(portrait).decode()}

    answer = recipient.post_json(f"{PREFIX}/run", document)

    assert answer["plan"]["ok"]
    assert len(answer["installed"]) == MODELS
    assert answer["node_errors"] == {}
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["prompt_id"])


@pytest.fixture(scope="module")
def own_bundle(author: ComfyUI, demo_models: Path) -> bytes:
    """A bundle with a LoRA that its author trained and published nowhere, and with an image."""
    weights = bytearray((demo_models / "loras" / LORAS[0].name).read_bytes())
    weights[-2] ^= 1  # the lowest bits of one weight
    (author.base / "models" / "loras" / "my-own.safetensors").write_bytes(weights)
    Image.new("RGB", (16, 16), "teal").save(author.base / "input" / "teal.png")
    rows = stack_rows([(True, "my-own.safetensors", 0.9, 0.6, "")])
    api = to_api(demo_graph(UNET.name, CLIP.name, VAE.name, rows))
    api["90"] = {"class_type": "LoadImage", "inputs": {"image": "teal.png"}}
    api["91"] = {
        "class_type": "SaveImage", "inputs": {"images": ["90", 0], "filename_prefix": "teal"}
    }  # fmt: skip
    made = author.post_json(f"{PREFIX}/bundle", {"json": api, "name": "own", "with_models": True})
    status, content = author.request("GET", f"{PREFIX}/bundle/{made['file']}")
    assert (status, made["left_out"]) == (200, [])
    return content


@pytest.mark.parametrize(
    ("rules", "status", "told"),
    [
        ('formats = [".gguf"]', 1, "is in a format that this machine's policy does not allow"),
        ("max_file_bytes = 1000", 1, "this machine's policy allows 1000 bytes"),
        ("max_total_bytes = 1000", 3, "this machine's policy allows 1000"),
    ],
)
def test_a_policy_that_refuses_a_bundles_model_is_told_before_it_is_uploaded(
    own_bundle: bytes, recipient: ComfyUI, policy: Path, satchel: dict[str, str], tmp_path: Path,
    rules: str, status: int, told: str,
) -> None:  # fmt: skip
    (tmp_path / "own.zip").write_bytes(own_bundle)
    policy.write_text(f"[install]\n{rules}\n")

    line = f"satchel run own.zip --server {recipient.url} --yes"
    done = run_shell(line, tmp_path, **satchel)

    assert done.returncode == status, done.stdout + done.stderr
    assert told in done.stderr
    assert not list(recipient.base.rglob("exchange/*"))
    assert not list(recipient.base.rglob("my-own*"))


def test_a_bundles_model_that_is_published_nowhere_is_uploaded_and_used(
    own_bundle: bytes, recipient: ComfyUI, satchel: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "own.zip").write_bytes(own_bundle)
    line = f"satchel run own.zip --server {recipient.url}"

    dry = run_shell(f"{line} --dry-run", tmp_path, **satchel)
    assert dry.returncode == 1, dry.stderr
    assert "To upload from own.zip: " in dry.stdout
    assert "1 image, " in dry.stdout
    assert run_shell(line, tmp_path, **satchel).returncode == 3
    assert not list(recipient.base.rglob("my-own*"))

    done = run_shell(f"{line} --yes --output out", tmp_path, **satchel)

    assert done.returncode == 0, done.stdout + done.stderr
    assert (recipient.base / "models" / "loras" / "my-own.safetensors").is_file()
    assert (recipient.base / "input" / "teal.png").is_file()
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert not list(recipient.base.rglob("exchange/*"))
    again = run_shell(f"{line} --dry-run", tmp_path, **satchel)
    assert again.returncode == 0
    assert "model" not in again.stdout.partition("To upload")[2]


def test_the_commands_about_locks_do_what_their_documentation_says(
    portrait: bytes, author: ComfyUI, satchel: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "portrait.png").write_bytes(portrait)
    (tmp_path / "other-machine").mkdir()
    run_documented("lock.md", author, tmp_path, satchel, least=4)

    written = json.loads((tmp_path / "portrait.lock.json").read_text("utf-8"))
    assert (written["version"], len(written["models"])) == (1, MODELS)
    assert all(model["sha256"] and model["sources"] for model in written["models"])
    assert b"satchel" in (tmp_path / "portrait.portable.png").read_bytes()


def test_the_file_and_the_commands_about_the_policy_do_what_their_documentation_says(
    portrait: bytes, recipient: ComfyUI, policy: Path, satchel: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "portrait.png").write_bytes(portrait)
    (example,) = TOML.findall((ROOT / "docs" / "policy.md").read_text("utf-8"))
    document = {"base64": base64.b64encode(portrait).decode()}
    recipient.post_json(f"{PREFIX}/install", document)
    policy.write_text(example)
    policy.chmod(0o644)
    assert refused(recipient, "/plan", document)[1]["code"] == "policy"  # others could read it

    told = run_documented("policy.md", recipient, tmp_path, satchel, least=4)

    assert '"max_total_bytes": 100000000000' in told
    assert "at-least-16-characters" not in told


def test_models_are_preloaded_before_the_server_answers(
    lock: dict[str, Any], start_server: StartServer, tmp_path: Path, market: Marketplace
) -> None:
    lora = next(model for model in lock["models"] if model["directory"] == "loras")
    (tmp_path / "one.lock.json").write_text(json.dumps({**lock, "models": [lora]}))
    (tmp_path / "bad.lock.json").write_text("{")
    market.fault("throttle", bytes_per_s=1_000_000, times=None)

    files = os.pathsep.join(str(tmp_path / name) for name in ("one.lock.json", "bad.lock.json"))
    server = start_server("preloading", preload=files)

    good, bad = server.get_json(f"{PREFIX}/status")["preload"]
    assert (good["name"], good["ok"], good["installed"]) == ("one.lock.json", True, 1)
    assert (bad["ok"], bad["installed"]) == (False, 0)
    assert bad["reason"]
    assert lora["name"] in server.get_json("/models/loras")


def test_comfyui_ends_at_an_argument_that_it_does_not_know(author: ComfyUI, tmp_path: Path) -> None:
    """Why preloading is no flag."""
    done = subprocess.run(
        [*author.command(), "--satchel-preload", "x.lock.json"], cwd=tmp_path,
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    assert done.returncode == 2
    assert "unrecognized arguments: --satchel-preload" in done.stderr
