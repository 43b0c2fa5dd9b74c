"""Downloads: a disk that is too small, full or not to be written."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from support.downloads import listing, original, part_of

from satchel.downloads.part import Part
from satchel.downloads.space import SPARE_BYTES
from satchel.errors import DownloadError, InsufficientSpaceError


@pytest.mark.parametrize("size", [True, False], ids=["size known", "size unknown"])
def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    fetch, publish, folder, monkeypatch, size
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, 1000))
    lora = publish()

    with pytest.raises(InsufficientSpaceError) as caught:
        fetch(lora, **({} if size else {"size": None}))

    assert caught.value.details == {"needed": lora.size + SPARE_BYTES, "free": 1000}
    assert listing(folder) == []


def test_what_is_already_there_needs_no_room(fetch, publish, folder, monkeypatch, tmp_path):
    lora = publish()
    folder.mkdir(parents=True)
    part_of(folder, lora).write_bytes(original(tmp_path)[: lora.size - 10])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 0, SPARE_BYTES + 10))

    fetch(lora)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_disk_that_fills_up_meanwhile_is_told(tmp_path):
    (tmp_path / "part").symlink_to("/dev/full")
    part = Part(tmp_path / "part")

    with part.writer(0) as file, pytest.raises(InsufficientSpaceError):
        part.write(file, 0, b"x" * 100)

    assert part.arrived == 0


def test_a_folder_that_cannot_be_written_is_told(fetch, publish, folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where a folder should be")

    with pytest.raises(DownloadError, match=r"a\.safetensors cannot be written"):
        fetch(publish())
