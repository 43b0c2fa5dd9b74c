"""The kill -9 proof itself works, and would notice."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from satchel_tools import torture_catalog
from satchel_tools.torture_catalog import FILES_PER_RECORD, main

from satchel.catalog import Catalog


def test_killed_writers_lose_nothing(capsys: pytest.CaptureFixture[str]):
    assert main(6, seed=4) == 0
    assert "6 kills" in capsys.readouterr().out


def test_a_write_that_was_lost_would_be_noticed(tmp_path):
    path = tmp_path / "catalog.sqlite3"
    Catalog(path).records.put([torture_catalog._record(1)])

    assert torture_catalog._faults(path, [1]) == [
        "1 committed writes are lost, the first is 1"  # the file, though not its record
    ]
    assert torture_catalog._faults(path, []) == []


def test_half_a_record_would_be_noticed(tmp_path):
    path = tmp_path / "catalog.sqlite3"
    catalog = Catalog(path)
    catalog.records.put([torture_catalog._record(1)])
    with catalog._database.writing() as db:
        db.execute("DELETE FROM published WHERE position = ?", (FILES_PER_RECORD - 1,))

    assert torture_catalog._faults(path, []) == ["1 records have half of their files"]


def test_damage_would_be_noticed(tmp_path):
    path = tmp_path / "catalog.sqlite3"
    Catalog(path).records.put([torture_catalog._record(n) for n in range(300)])

    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 8192 * 4096])

    assert "it was set aside as damaged" in torture_catalog._faults(path, [])
