"""Files handed over between a server and a browser: named by chance alone, gone after a while."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from satchel.errors import UnknownFileError
from satchel.exchange import KEPT_S, Exchange


def test_a_file_is_found_by_its_id_until_it_is_removed(tmp_path: Path):
    exchange = Exchange(tmp_path / "exchange")
    file_id, path = exchange.new()
    path.write_bytes(b"zip")

    assert exchange.find(file_id) == path
    exchange.remove(file_id)
    with pytest.raises(UnknownFileError):
        exchange.find(file_id)


@pytest.mark.parametrize("file_id", ["", "../secret", "0" * 32, "0" * 31 + "/", "\n" + "0" * 32])
def test_what_is_no_id_of_a_file_is_not_found(tmp_path: Path, file_id: str):
    (tmp_path / "secret.zip").write_bytes(b"zip")

    with pytest.raises(UnknownFileError):
        Exchange(tmp_path / "exchange").find(file_id)
    Exchange(tmp_path / "exchange").remove(file_id)

    assert (tmp_path / "secret.zip").exists()


def test_only_old_files_of_ours_are_removed_when_another_one_is_made(tmp_path: Path):
    exchange = Exchange(tmp_path)
    (_, old), (_, new) = exchange.new(), exchange.new()
    foreign = tmp_path / "notes.txt"
    for path in (old, new, foreign):
        path.write_bytes(b"x")
    for path in (old, foreign):
        os.utime(path, (time.time() - KEPT_S - 60,) * 2)

    exchange.new()

    assert (old.exists(), new.exists(), foreign.exists()) == (False, True, True)
