"""Who may import whom, and that importing the core costs nothing."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "comfyui_version", "execution",
        "folder_paths", "main", "node_helpers", "nodes", "server", "torch", "aiohttp"}  # fmt: skip
"""Modules that only exist, or are only wanted, inside ComfyUI."""

ALLOWED = {
    "satchel/tensors/": {"torch"},
    "nodes/host/": HOST - {"aiohttp", "comfy_api"},
    "nodes/routes/": {"aiohttp"},
    "nodes/": {"comfy_api"},
}
"""What each place may import of them; the longest prefix counts."""


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def imports(path: Path) -> tuple[tuple[str, int], ...]:
    """(module, how many dots) of every import, those inside functions too."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, 0) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", node.level))
    return tuple(found)


def allowed_at(place: str) -> set[str]:
    prefixes = [prefix for prefix in ALLOWED if place.startswith(prefix)]
    return ALLOWED[max(prefixes, key=len)] if prefixes else set()


@pytest.mark.parametrize(
    "path", python_files("satchel", "nodes"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_the_edge_imports_the_host(path: Path):
    allowed = allowed_at(path.relative_to(ROOT).as_posix())

    roots = {module.partition(".")[0] for module, level in imports(path) if level == 0}

    assert roots & HOST <= allowed


def test_nodes_take_the_api_from_its_latest_version_only():
    used = {module for path in python_files("nodes") for module, level in imports(path)
            if level == 0 and module.startswith("comfy_api")}  # fmt: skip

    assert used == {"comfy_api.latest"}


@pytest.mark.parametrize(
    "path", python_files("satchel", "nodes"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_packages_import_themselves_relatively(path: Path):
    # As a custom node the core is custom_nodes.ComfyUI-Satchel.satchel, not satchel.
    assert not [module for module, level in imports(path)
                if level == 0 and module.partition(".")[0] == "satchel"]  # fmt: skip


@pytest.mark.parametrize(
    "path", python_files("satchel"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_core_imports_nothing_from_outside_itself(path: Path):
    depth = len(path.relative_to(ROOT / "satchel").parts)  # dots that lead to the core's root

    assert all(level <= depth for _, level in imports(path))


def test_only_main_js_imports_the_frontend():
    importing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "web").rglob("*.js")
        if re.search(r"""(from|import)\s*\(?\s*['"][^'"]*scripts/""", path.read_text("utf-8"))
    }

    assert importing == {"web/main.js"}


WATCHED_IMPORT = """
import importlib, json, pathlib, sys

SOCKETS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
WRITES = ("os.mkdir", "os.remove", "os.rename", "os.symlink", "sqlite3.connect",
          "subprocess.Popen")
seen = []

def watch(event, arguments):
    writes = event == "open" and (
        (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"))
        or (isinstance(arguments[2], int) and arguments[2] & 3)  # O_WRONLY, O_RDWR
    )
    if writes or event in SOCKETS or event in WRITES:
        seen.append([event, str(arguments)])

sys.addaudithook(watch)
import satchel
root = pathlib.Path(satchel.__file__).parent
names = []
for path in sorted(root.rglob("*.py")):
    parts = path.relative_to(root).with_suffix("").parts
    if parts[0] not in ("tensors", "__main__"):
        names.append(".".join(("satchel", *parts)).removesuffix(".__init__"))
        importlib.import_module(names[-1])
print(json.dumps({"imported": names, "seen": seen, "modules": sorted(sys.modules)}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    """The whole core, imported in a process of its own that reports what that did."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", WATCHED_IMPORT],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, list[str]] = json.loads(done.stdout)  # nothing else was printed
    return found


def test_importing_the_core_loads_neither_torch_nor_the_host(imported: dict[str, list[str]]):
    heavy = {"torch", "comfy", "nodes", "folder_paths", "server", "aiohttp", "numpy"}

    assert heavy & set(imported["modules"]) == set()
    assert len(imported["imported"]) > 50


def test_importing_the_core_writes_nothing_and_connects_nowhere(imported: dict[str, list[str]]):
    assert imported["seen"] == []


def test_the_watched_import_would_notice(tmp_path: Path):
    script = WATCHED_IMPORT.replace(
        "import satchel\n", f"open({str(tmp_path / 'x')!r}, 'w'); import satchel\n", 1
    )

    done = subprocess.run(
        [sys.executable, "-B", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert [event for event, _ in json.loads(done.stdout)["seen"]] == ["open"]
