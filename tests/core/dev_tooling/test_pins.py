"""The pinned packages of the development tools, the host and the package fit."""

from __future__ import annotations

import re
import tomllib

from satchel_tools import ROOT


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
