"""The development tooling's environments: built once, whole, and with room for them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from satchel_tools import ROOT
from satchel_tools.cache import MARKER, Environment, cache_root, locked, require_space
from satchel_tools.problems import DiskSpaceError, StepFailedError

PINS = {"requirements": "1", "python": "3.11", "platform": "linux-x86_64"}


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "cache", "thing", PINS)


def one_file(directory: Path) -> None:
    (directory / "file").write_text("built")


def test_an_environment_is_built_once(environment: Environment) -> None:
    built = []
    for _ in range(2):
        environment.provide(built.append, needed_bytes=0)

    assert built == [environment.directory]


@pytest.mark.parametrize("pin", PINS)
def test_every_pin_changes_the_folder(environment: Environment, pin: str) -> None:
    other = Environment(environment.root, "thing", {**PINS, pin: "other"})

    assert other.directory != environment.directory


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
