"""The command as a program of its own: its streams, its progress bar, an end in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.command_line import ROOT, Run, model_files, satchel_process, written
from support.graphs import ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors

pytestmark = pytest.mark.usefixtures("operator")


def test_the_module_runs_as_a_program(graph: Path, author: Path):
    fine = satchel_process("plan", graph, "--models", author, "--json")
    bad = satchel_process("plan", graph.with_name("absent.json"), "--models", author)

    assert (fine.returncode, json.loads(fine.stdout)[0]["ok"], fine.stderr) == (0, True, "")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "absent.json does not exist." in bad.stderr


def test_a_reader_that_stops_early_is_no_failure(author: Path, tmp_path: Path):
    for number in range(300):
        (author / f"loras/{'long name ' * 20}{number}.safetensors").touch()
    command = [sys.executable, "-m", "satchel", "scan", "--models", str(author)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == ""


def test_names_that_the_terminal_cannot_show_do_no_harm(tmp_path: Path, author: Path):
    (author / "loras/墨絵.safetensors").touch()
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}

    done = satchel_process("scan", "--models", author, env=environment)

    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u58a8" in done.stdout


@pytest.fixture
def large(market: Marketplace, tmp_path: Path, run: Run) -> Path:
    """An exported graph with one model that is large enough to be interrupted."""
    models = tmp_path / "author-of-large"
    path = write_safetensors(models / "loras/large.safetensors", {"w": (1024, 1024)})  # 4 MiB
    market.publish(path, model_name="Large")
    graph = written(tmp_path / "large.json", ui_graph(ui_node(1, "LoraLoader", [path.name, 1, 1])))
    assert run("lock", "--embed", graph, "--models", models).status == 0
    return tmp_path / "large.portable.json"


def start_install(graph: Path, models: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "satchel", "install", str(graph), "--models", str(models)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_an_install_that_was_killed_goes_on_where_it_was(
    run: Run, market: Marketplace, large: Path, recipient: Path
):
    slow = market.fault("throttle", bytes_per_s=1 << 20)
    with start_install(large, recipient) as process:
        part = None
        deadline = time.monotonic() + 20
        while part is None and time.monotonic() < deadline:
            time.sleep(0.05)
            parts = recipient.rglob("*.part")
            part = next((p for p in parts if p.stat().st_size > 1 << 20), None)
        process.kill()
    assert part is not None, slow
    assert not list(recipient.rglob("*.safetensors"))
    arrived = part.stat().st_size
    market.clear_requests()

    outcome = run("install", large, "--models", recipient)

    assert (outcome.status, outcome.err) == (0, "")
    assert model_files(recipient) == ["loras/large.safetensors"]
    (fetched,) = [r for r in market.requests if r.origin == "storage"]
    assert fetched.headers["Range"] == f"bytes={arrived}-"
    assert run("verify", large, "--models", recipient).status == 0


def test_no_progress_bar_is_drawn_when_it_is_no_terminal(
    market: Marketplace, large: Path, recipient: Path
):
    market.fault("throttle", bytes_per_s=3 << 20)  # longer than the second that a bar waits
    with start_install(large, recipient) as process:
        out, err = process.communicate(timeout=60)

    assert process.returncode == 0
    assert err == b""
    assert b"\r" not in out
    assert b"#" not in out


@pytest.mark.skipif(os.name == "nt", reason="it needs a pseudo-terminal")
def test_a_progress_bar_is_drawn_on_a_terminal(market: Marketplace, large: Path, recipient: Path):
    import pty

    market.fault("throttle", bytes_per_s=2 << 20)
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "satchel", "install", str(large), "--models", str(recipient)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    drawn = b""
    while chunk := _read_screen(screen):
        drawn += chunk
    out, _ = process.communicate(timeout=60)
    os.close(screen)

    assert process.returncode == 0
    assert b"\r[1/1] downloading large.safetensors [#" in drawn
    assert drawn.endswith(b" \r")  # and wiped again
    assert b"Fetched large.safetensors" in out


def _read_screen(screen: int) -> bytes:
    try:
        return os.read(screen, 4096)
    except OSError:  # the other side is closed
        return b""


def test_a_python_without_a_dependency_is_told_which_python_to_use(tmp_path: Path):
    # A finder that has never heard of filelock stands for a Python that has none.
    script = (
        "import sys\n"
        "class Without:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'filelock':\n"
        "            raise ModuleNotFoundError('No module named filelock', name='filelock')\n"
        "sys.meta_path.insert(0, Without())\n"
        "from satchel.cli import main\n"
        "sys.exit(main(['scan']))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert done.returncode == 2
    assert "this Python has no filelock" in done.stderr
    assert "Traceback" not in done.stderr
