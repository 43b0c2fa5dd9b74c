"""What `dev.py` says where something goes wrong, and what it counts and links."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from satchel_tools import ROOT, checks, commands, running
from satchel_tools.base_directory import link_directory
from satchel_tools.chromium import provide_chromium
from satchel_tools.comfyui import explain_failure, explain_refusal
from satchel_tools.problems import StepFailedError, ToolError

# --- what goes wrong elsewhere -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("NewConnectionError('<pip._vendor...>')", "the package registry cannot be reached"),
        ("npm error code ENOTFOUND", "the package registry cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            "WARNING: Location 'x' is ignored: it is nothing\nERROR: odd",
            "status 3.*\n  ERROR: odd$",
        ),
    ],
)
def test_a_program_that_fails_is_explained(tmp_path: Path, written: str, sentence: str) -> None:
    script = f"import sys; print({written!r}); sys.exit(3)"
    log = tmp_path / "the.log"

    with pytest.raises(StepFailedError, match=f"thing failed.*{sentence}") as raised:
        running.run_logged([sys.executable, "-c", script], log, "thing")

    assert str(log) in str(raised.value)
    assert written in log.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")
def test_a_program_is_told_when_we_are_asked_to_end(tmp_path: Path) -> None:
    ready, told = tmp_path / "ready", tmp_path / "told"
    child = (
        "import signal, time\nfrom pathlib import Path\n"
        # What was started in the background of a script ignores Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"try:\n    Path({str(ready)!r}).touch(); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    Path({str(told)!r}).touch()"
    )
    script = (
        f"import os, sys; sys.path.insert(0, {str(ROOT / 'tools')!r})\n"
        "from satchel_tools.running import obey_termination, run_foreground\n"
        "obey_termination()\n"
        f"run_foreground([sys.executable, '-c', {child!r}], os.environ)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as parent:
        while not ready.exists():
            assert parent.poll() is None
            time.sleep(0.02)
        parent.terminate()
        parent.wait(20)

    assert told.exists()


def load_dev() -> object:
    spec = importlib.util.spec_from_file_location("satchel_dev_script", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_unsupported_python_is_refused_in_one_sentence() -> None:
    refuse: Callable[[tuple[int, ...]], str | None] = load_dev().refuse_python  # type: ignore[attr-defined]

    assert refuse((3, 10, 13)) == (
        "Python 3.10.13 is not supported by the development tools; use one of 3.11, 3.12, 3.13."
    )
    assert [refuse((3, minor, 0)) is None for minor in range(10, 15)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_known_failure_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    env = running.clean_environment(
        SATCHEL_COMFYUI=str(tmp_path / "nowhere"), SATCHEL_CACHE=str(tmp_path)
    )
    ran = subprocess.run(
        [sys.executable, str(ROOT / "dev.py"), "serve"], capture_output=True, text=True, env=env
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith("dev.py: SATCHEL_COMFYUI is ")
    assert ran.stderr.count("\n") == 1


def test_dev_without_a_command_explains_itself() -> None:
    ran = subprocess.run([sys.executable, str(ROOT / "dev.py")], capture_output=True, text=True)

    assert ran.returncode == 0
    assert all(word in ran.stdout for word in ("demo", "test", "lint", "bench", "serve"))


def test_an_unknown_benchmark_is_refused_by_name() -> None:
    with pytest.raises(ToolError, match="There is no benchmark 'speed_of_light'"):
        commands.bench(Namespace(name="speed_of_light", list=False), [])


def test_a_missing_browser_says_how_to_install_one(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"SATCHEL_CHROMIUM is .*, but there is no such file"):
        provide_chromium(tmp_path / "log", {"SATCHEL_CHROMIUM": str(tmp_path / "chromium")})
    if sys.platform == "linux":
        with pytest.raises(ToolError, match="apt-get install chromium"):
            provide_chromium(tmp_path / "log", {"PATH": str(tmp_path)})


def test_torture_needs_something_to_prove() -> None:
    with pytest.raises(ToolError, match="nothing to prove"):
        commands.torture(Namespace(count=0), [])


# --- counting and linking ------------------------------------------------------------------------


def test_junit_reports_are_counted(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/></testsuites>'
    )

    assert checks.read_junit(report) == (3, 3, 3)
    assert checks.read_junit(tmp_path / "none.xml") == (0, 0, 0)


def test_the_last_line_sums_up_and_decides_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = checks.Result("ruff", 1, 0), checks.Result("pytest", 40, 2, 1)

    assert commands.summarize([good]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"
    assert commands.summarize([good, bad]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "41 passed, 2 failed, 1 skipped"


@pytest.mark.parametrize(
    ("fast", "more", "processes"),
    [(False, [], ["2"]), (False, ["-n", "0"], ["2", "0"]), (True, [], ["auto"]),
     (False, ["tests/core/test_errors.py"], []), (True, ["tests/core/test_errors.py"], ["auto"])],
)  # fmt: skip
def test_the_whole_suite_runs_in_two_processes_and_one_file_in_one(
    monkeypatch: pytest.MonkeyPatch, fast: bool, more: list[str], processes: list[str]
) -> None:
    given: list[str] = []

    def run(python: Path, arguments: list[str], *environment: object) -> checks.Result:
        given.extend(arguments)
        return checks.Result("pytest", 1, 0)

    for name in ("provide_dev_python", "provide_host", "provide_node"):
        monkeypatch.setattr(commands, name, lambda *_: None)
    monkeypatch.setattr(commands, "host_for_pytest", lambda *_: ({}, []))
    monkeypatch.setattr(commands, "lint_checks", lambda *_: [])
    monkeypatch.setattr(commands, "run_web_tests", lambda _: checks.Result("web", 1, 0))
    monkeypatch.setattr(commands, "run_pytest", run)

    assert commands.test(Namespace(fast=fast, k=None), more) == 0
    # The last word counts for pytest.
    assert [given[at + 1] for at, word in enumerate(given) if word == "-n"] == processes


def test_a_link_is_moved_to_the_checkout_that_asks_but_a_folder_stays(tmp_path: Path) -> None:
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "link"
    for directory in (old, new):
        directory.mkdir()

    link_directory(link, old)
    link_directory(link, new)

    assert link.resolve() == new.resolve()
    with pytest.raises(ToolError, match="is in the way"):
        link_directory(old, new)


def test_a_refused_prompt_names_the_node() -> None:
    problem = {"message": "Value not in list", "details": "lora_1: 'a.safetensors'"}
    body = {
        "error": {"message": "Prompt outputs failed validation"},
        "node_errors": {"7": {"class_type": "SatchelLoraStack", "errors": [problem]}},
    }

    assert explain_refusal(body) == (
        "The prompt was refused: Prompt outputs failed validation; "
        "node 7 (SatchelLoraStack): Value not in list: lora_1: 'a.safetensors'"
    )


def test_a_failed_prompt_names_the_node() -> None:
    error = {"node_id": "7", "node_type": "KSampler", "exception_message": "no.\n"}
    entry = {"status": {"status_str": "error", "messages": [["execution_error", error]]}}

    assert explain_failure(entry) == "Node 7 (KSampler) failed: no."
