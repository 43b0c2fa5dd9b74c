"""The catalog of an older release is taken over; one of each step is as good as new."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from satchel.catalog import Catalog
from satchel.catalog.schema import MIGRATIONS
from satchel.folders import LocalModel
from satchel.hashes import FileDigests
from satchel.identity import Source

DIGESTS = FileDigests("a" * 64, "b" * 12, 100)


def model(path: Path) -> LocalModel:
    return LocalModel("loras", path.name, path, 100, 5)


@pytest.fixture
def version_1(tmp_path):
    """As the first release left it."""
    path = tmp_path / "catalog.sqlite3"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER NOT NULL,"
            " mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, autov3 TEXT)"
        )
        db.execute("CREATE INDEX files_by_sha256 ON files (sha256)")
        db.execute(
            "CREATE TABLE answers (marketplace TEXT NOT NULL, sha256 TEXT NOT NULL,"
            " sources TEXT NOT NULL, asked_at REAL NOT NULL, PRIMARY KEY (marketplace, sha256))"
        )
        key = str((tmp_path / "a.safetensors").resolve())
        db.execute("INSERT INTO files VALUES (?, 100, 5, ?, ?)", (key, "a" * 64, "b" * 12))
        db.execute(
            "INSERT INTO answers VALUES ('civitai', 'aa',"
            """ '[{"kind": "civitai", "url": "https://civitai.com/x"}]', strftime('%s', 'now'))"""
        )
        db.execute("PRAGMA user_version = 1")
    return path


def test_a_catalog_of_version_1_keeps_what_it_knew(version_1, tmp_path):
    catalog = Catalog(version_1)

    assert catalog.digests(model(tmp_path / "a.safetensors")) == DIGESTS
    assert catalog.sources("civitai", ["aa"]) == {
        "aa": (Source("civitai", "https://civitai.com/x"),)
    }
    assert len(catalog.files.with_digest("SHA256", "a" * 64)) == 1
    assert list(tmp_path.glob("*.corrupt-*")) == []


def tables(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def test_an_old_catalog_ends_up_with_the_tables_of_a_new_one(version_1, tmp_path):
    Catalog(version_1).files.live()
    Catalog(tmp_path / "new.sqlite3").files.live()

    assert {name for name, _ in tables(version_1)} == {
        name for name, _ in tables(tmp_path / "new.sqlite3")
    }
    with closing(sqlite3.connect(version_1)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_step_that_fails_leaves_the_old_catalog_as_it_was(version_1, tmp_path, monkeypatch):
    broken = (MIGRATIONS[0], (*MIGRATIONS[1][:4], "CREATE NONSENSE"))
    monkeypatch.setattr("satchel.catalog.database.Database.migrations", broken)
    before = tables(version_1)
    with pytest.raises(Exception, match="NONSENSE"):
        Catalog(version_1).files.live()

    assert tables(version_1) == before
    monkeypatch.undo()
    assert Catalog(version_1).digests(model(tmp_path / "a.safetensors")) == DIGESTS
