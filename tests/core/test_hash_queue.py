"""Hashing behind everything else: the order, the pauses, the end."""

from __future__ import annotations

import os
import threading
import time

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.errors import CatalogError
from satchel.hash_queue import HashQueue
from satchel.hashes import CHUNK_BYTES, hash_file
from satchel.scan import scan


@pytest.fixture
def space(tmp_path):
    made = make_workspace(tmp_path)
    for age, name in enumerate(("newest", "older", "oldest", "used")):
        path = write_safetensors(tmp_path / f"models/loras/{name}.safetensors", seed=age)
        os.utime(path, ns=(10**18 - age * 10**10,) * 2)
    scan(made.folders, made.catalog)
    return made


def model(space, name):
    return space.folders.get("loras", f"{name}.safetensors")


def start(space, **options):
    names = []

    def report(progress):
        if progress.name not in names:
            names.append(progress.name)

    return HashQueue(space.catalog, report=report, **options), names


def test_files_in_use_come_first_then_the_newest(space):
    queue, names = start(space)
    space.catalog.files.mark_used([model(space, "used")])

    queue.wake()

    assert queue.wait(20)
    queue.stop()
    assert [name.removesuffix(".safetensors") for name in names] == [
        "used", "newest", "older", "oldest",
    ]  # fmt: skip
    for name in ("used", "newest", "older", "oldest"):
        assert space.catalog.digests(model(space, name)) == hash_file(model(space, name).path)


def test_nothing_is_read_while_it_may_not_run(space):
    allowed = threading.Event()
    asked = threading.Event()

    def may_run():
        asked.set()
        return allowed.is_set()

    queue, names = start(space, may_run=may_run)
    queue.wake()
    assert asked.wait(20)
    assert not queue.wait(0.3)
    assert names == []

    allowed.set()

    assert queue.wait(20)
    queue.stop()
    assert len(names) == 4


def test_a_file_that_was_begun_waits_in_the_middle(space, tmp_path):
    big = write_safetensors(tmp_path / "models/loras/big.safetensors", {"w": (CHUNK_BYTES,)})
    os.utime(big, ns=(2 * 10**18,) * 2)
    scan(space.folders, space.catalog)
    paused, go_on = threading.Event(), threading.Event()
    steps = []

    def report(progress):
        steps.append(progress.done)
        if len(steps) == 2:
            paused.set()

    queue = HashQueue(
        space.catalog, may_run=lambda: not paused.is_set() or go_on.is_set(), report=report
    )
    queue.wake()
    assert paused.wait(20)
    time.sleep(0.3)
    assert len(steps) <= 3  # the chunk that was under way
    go_on.set()

    assert queue.wait(20)
    queue.stop()
    assert space.catalog.digests(model(space, "big")) == hash_file(big)


def test_stopping_ends_it_at_once_even_while_it_waits(space):
    queue, names = start(space, may_run=lambda: False)
    queue.wake()

    queue.stop()

    assert queue.wait(20)
    assert names == []
    assert all(row.digests is None for row in space.catalog.files.live())


def test_files_that_cannot_be_read_do_not_stop_the_others(space):
    model(space, "newest").path.unlink()

    queue, _ = start(space)
    queue.wake()

    assert queue.wait(20)
    queue.stop()
    assert space.catalog.digests(model(space, "oldest")) is not None


def test_a_file_that_grows_meanwhile_is_left_until_it_is_listed_again(space):
    growing = model(space, "newest").path

    def report(progress):
        if progress.name == growing.name and progress.done == progress.total:
            with growing.open("ab") as file:
                file.write(b"more")

    queue = HashQueue(space.catalog, report=report)
    queue.wake()
    assert queue.wait(20)
    assert space.catalog.digests(model(space, "newest")) is None
    assert space.catalog.digests(model(space, "oldest")) is not None
    queue.stop()


def test_waking_it_again_finds_what_is_new(space, tmp_path):
    queue, names = start(space)
    queue.wake()
    assert queue.wait(20)
    write_safetensors(tmp_path / "models/loras/late.safetensors", seed=9)
    scan(space.folders, space.catalog)

    queue.prefer([model(space, "late")])

    assert queue.wait(20)
    queue.stop()
    assert names[-1] == "late.safetensors"


def test_a_catalog_that_fails_is_tried_again_when_it_is_woken(space, monkeypatch, caplog):
    queue, _ = start(space)
    to_hash = space.catalog.files.to_hash

    def fail():
        raise CatalogError("The disk is full.")

    monkeypatch.setattr(space.catalog.files, "to_hash", fail)
    queue.wake()
    assert queue.wait(20)
    assert "The disk is full." in caplog.text

    monkeypatch.setattr(space.catalog.files, "to_hash", to_hash)
    queue.wake()
    assert queue.wait(20)
    queue.stop()
    assert space.catalog.digests(model(space, "oldest")) is not None
