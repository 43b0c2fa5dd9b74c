"""Zips of strangers: what is refused, and that nothing is written outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.graphs import png_image
from support.hostile_zips import API, HOSTILE, UI, zipped

from satchel.errors import ArchiveError, SatchelError, WorkflowFormatError
from satchel.workflow.archives import Archive
from satchel.workflow.bundle import unpack_bundle
from satchel.workflow.documents import read_bytes, read_file

LOCK = {"version": 1, "models": [{"name": "a.safetensors", "directory": "vae"}]}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused_with_a_reason_and_write_nothing(tmp_path: Path, case: str):
    make, reason = HOSTILE[case]
    path = tmp_path / "evil" / "x.zip"
    path.parent.mkdir()
    path.write_bytes(make())

    for read in (lambda: read_bytes(path.read_bytes(), "x.zip"), lambda: read_file(path)):
        with pytest.raises(ArchiveError) as caught:
            read()
        assert reason in str(caught.value)
        assert caught.value.hint
    with pytest.raises(SatchelError):
        unpack_bundle(Archive(path, "x.zip"), tmp_path / "out")

    left = [found for found in tmp_path.rglob("*") if found.is_file()]
    assert left == [path]


def test_a_zip_inside_of_a_zip_is_not_opened():
    with pytest.raises(WorkflowFormatError):
        read_bytes(zipped(("inner.zip", zipped(("a.json", UI))), ("a.txt", b"")), "x.zip")
    with pytest.raises(WorkflowFormatError):
        read_bytes(zipped(("inner.json", zipped(("a.json", UI)))), "x.zip")


@pytest.mark.parametrize(
    ("entries", "ui", "api", "locked"),
    [
        ([("a.json", UI)], True, False, False),
        ([("a.json", UI), ("a.lock.json", LOCK)], True, False, True),
        ([("a.json", UI), ("a.api.json", API), ("a.lock.json", LOCK)], True, True, True),
        ([("workflow.json", UI), ("workflow_api.json", API), ("snapshot.json", {"models": []})],
         True, True, False),
        ([("sub/a.json", UI), ("a.txt", b"x")], True, False, False),
        ([("a.lock.json", LOCK)], False, False, True),
        ([("a.json", UI), ("input/other.json", UI)], True, False, False),
        ([("a.png", png_image(texts={"workflow": UI}))], True, False, False),
        ([("a.json", UI), ("a.png", png_image(texts={"workflow": UI}))], True, False, False),
        ([("folder/", b""), ("folder/a.json", UI)], True, False, False),
    ],
)  # fmt: skip
def test_the_workflow_of_an_archive(
    entries: list[tuple[str, Any]], ui: bool, api: bool, locked: bool
):
    document = read_bytes(zipped(*entries), "x.zip")

    assert (document.ui is not None, document.api is not None) == (ui, api)
    assert (document.lock is not None) == locked
    assert document.bundle is not None


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([], "holds no ComfyUI workflow"),
        ([("a.txt", b"x")], "holds no ComfyUI workflow"),
        ([("a.json", {"x": 1})], "holds no ComfyUI workflow"),
        ([("a.json", UI), ("b.json", UI)], "several workflows: a.json, b.json"),
        ([("a.json", API), ("b.json", API)], "several workflows"),
    ],
)
def test_archives_without_the_one_workflow(entries: list[tuple[str, Any]], sentence: str):
    with pytest.raises(WorkflowFormatError) as caught:
        read_bytes(zipped(*entries), "x.zip")

    assert sentence in str(caught.value)


def test_what_is_unpacked_lies_inside_and_overwrites_nothing(tmp_path: Path):
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(("a.json", UI), ("input/deep/b.png", b"1")))

    unpack_bundle(Archive(path, "x.zip"), tmp_path / "out")

    assert (tmp_path / "out/input/deep/b.png").read_bytes() == b"1"
    (tmp_path / "out/a.json").write_text("mine")
    with pytest.raises(SatchelError, match="there already"):
        unpack_bundle(Archive(path, "x.zip"), tmp_path / "out")
    assert (tmp_path / "out/a.json").read_text() == "mine"


def test_a_link_in_the_target_is_not_followed(tmp_path: Path):
    path = tmp_path / "x.zip"
    path.write_bytes(zipped(("input/b.png", b"1")))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/input").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SatchelError, match="leads it out"):
        unpack_bundle(Archive(path, "x.zip"), tmp_path / "out")

    assert list((tmp_path / "elsewhere").iterdir()) == []
