"""The checks that need no ComfyUI: ruff, mypy, tsc and the unit tests of web/.

Each returns a Result with how many things passed and failed, so that one line can sum them up.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import ROOT
from .environment import Node
from .running import clean_environment, run_foreground, say

WEB_TESTS = ROOT / "tests" / "web"
_WEB_TEST_NAME = re.compile(r"(test([-_.].*)?|.*[-_.]test)\.m?js")


@dataclass(frozen=True)
class Result:
    name: str
    passed: int
    failed: int
    skipped: int = 0
    seconds: float = 0.0


def run_check(name: str, command: Sequence[str | Path]) -> Result:
    """A program that passes or fails as a whole; its output is shown as it comes."""
    started = _start(name)
    status = subprocess.run([str(part) for part in command], cwd=ROOT, env=clean_environment())
    failed = int(status.returncode != 0)
    return _finish(Result(name, 1 - failed, failed), started)


def lint_checks(python: Path, node: Node, *, fix: bool = False) -> list[Callable[[], Result]]:
    """Formatting, lint rules and types, fastest first; with `fix` the first two repair."""
    module: list[str | Path] = [python, "-P", "-m"]
    ruff: list[str | Path] = [*module, "ruff"]
    commands: list[tuple[str, list[str | Path]]] = [
        ("ruff check", [*ruff, "check", *(["--fix"] if fix else []), "."]),
        ("ruff format", [*ruff, "format", *([] if fix else ["--check"]), "."]),
        ("mypy", [*module, "mypy"]),
    ]
    if any((ROOT / "web").rglob("*.js")):
        commands.append(("tsc", [*node.tsc, "--project", ROOT / "jsconfig.json"]))

    def check(name: str, command: list[str | Path]) -> Callable[[], Result]:
        return lambda: run_check(name, command)

    return [check(name, command) for name, command in commands]


def web_tests() -> list[Path]:
    """The files below tests/web that Node.js takes for tests by their name."""
    return sorted(path for path in WEB_TESTS.rglob("*") if _WEB_TEST_NAME.fullmatch(path.name))


def run_web_tests(node: Node) -> Result:
    """`node --test`, with the files named: folders mean different things to its versions."""
    name = "web unit tests"
    started = _start(name)
    files = web_tests()
    if not files:
        say("   skipped: there are no files in tests/web")
        return _finish(Result(name, 0, 0), started)
    with tempfile.TemporaryDirectory() as temporary:
        tap = Path(temporary) / "web.tap"
        status = subprocess.run(
            [str(node.executable), "--test"]
            + ["--test-reporter=dot", "--test-reporter-destination=stdout"]
            + ["--test-reporter=tap", f"--test-reporter-destination={tap}"]
            + [str(path) for path in files],
            cwd=ROOT,
            env=clean_environment(),
        )
        report = tap.read_text(encoding="utf-8") if tap.exists() else ""
    counts = {key: int(n) for key, n in re.findall(r"^# (pass|fail|skipped) (\d+)$", report, re.M)}
    failed = counts.get("fail", 0)
    if status.returncode and not failed:
        failed = 1
    if failed:
        say(report)
    return _finish(Result(name, counts.get("pass", 0), failed, counts.get("skipped", 0)), started)


def run_pytest(
    python: Path, arguments: Sequence[str], env: Mapping[str, str], search_path: Sequence[str] = ()
) -> Result:
    """One pytest run. `-P` keeps the current folder, with our `nodes/` in it, off the path."""
    started = _start("pytest")
    changes = dict(env)
    if search_path:
        changes["PYTHONPATH"] = os.pathsep.join(search_path)
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "pytest.xml"
        command = [str(python), "-P", "-m", "pytest", f"--junitxml={report}", *arguments]
        status = run_foreground(command, clean_environment(**changes))
        passed, failed, skipped = read_junit(report)
    if status and not failed:
        failed = 1
    return Result("pytest", passed, failed, skipped, time.monotonic() - started)


def read_junit(report: Path) -> tuple[int, int, int]:
    """How many tests passed, failed (errors included) and were skipped; zeros without a report."""
    if not report.exists():
        return 0, 0, 0
    totals = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        for name in totals:
            totals[name] += int(suite.get(name, "0"))
    failed = totals["failures"] + totals["errors"]
    return totals["tests"] - failed - totals["skipped"], failed, totals["skipped"]


def _start(name: str) -> float:
    say(f"== {name}")
    return time.monotonic()


def _finish(result: Result, started: float) -> Result:
    seconds = time.monotonic() - started
    say(f"   {'FAILED' if result.failed else 'ok'} in {seconds:.1f} s")
    return Result(result.name, result.passed, result.failed, result.skipped, seconds)
