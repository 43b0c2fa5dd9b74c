"""The catalog: what it remembers, for how long, and what it survives."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from satchel.catalog import Catalog
from satchel.catalog.answers import FOUND_SECONDS, NOT_FOUND_SECONDS
from satchel.errors import CatalogError
from satchel.folders import LocalModel
from satchel.hashes import FileDigests
from satchel.identity import Source

ROOT = Path(__file__).resolve().parents[2]
DIGESTS = FileDigests("a" * 64, "b" * 12, 100)
SOURCES = (
    Source("civitai", "https://civitai.com/api/download/models/2", "urn:air:x", 1, 2, 3),
    Source("civitai", "https://civitai.com/api/download/models/4"),
)


def model(path: Path, size: int = 100, mtime_ns: int = 5) -> LocalModel:
    return LocalModel("loras", path.name, path, size, mtime_ns)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "user" / "catalog.sqlite3"


@pytest.fixture
def catalog(path):
    return Catalog(path)


def test_digests_are_remembered_across_runs(catalog, path, tmp_path):
    lora = model(tmp_path / "a.safetensors")
    assert catalog.digests(lora) is None

    catalog.remember(lora, DIGESTS)

    assert Catalog(path).digests(lora) == DIGESTS
    assert catalog.digests(model(tmp_path / "b.safetensors")) is None


@pytest.mark.parametrize("change", [{"size": 101}, {"mtime_ns": 6}, {"mtime_ns": 4}])
def test_digests_of_a_file_that_changed_are_forgotten(catalog, tmp_path, change):
    catalog.remember(model(tmp_path / "a"), DIGESTS)

    assert catalog.digests(model(tmp_path / "a", **change)) is None


def test_new_digests_replace_the_old(catalog, tmp_path):
    newer = FileDigests("c" * 64, None, 200)
    catalog.remember(model(tmp_path / "a"), DIGESTS)
    catalog.remember(model(tmp_path / "a", 200, 9), newer)

    assert catalog.digests(model(tmp_path / "a", 200, 9)) == newer
    assert catalog.digests(model(tmp_path / "a")) is None


def test_a_file_is_known_by_whichever_link_leads_to_it(catalog, tmp_path):
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    catalog.remember(model(tmp_path / "link"), DIGESTS)

    assert catalog.digests(model(tmp_path / "real")) == DIGESTS


def test_answers_and_misses_are_remembered_per_marketplace(catalog, path):
    catalog.remember_sources("civitai", {"aa": SOURCES, "bb": ()})

    assert Catalog(path).sources("civitai", ["aa", "bb", "cc"]) == {"aa": SOURCES, "bb": ()}
    assert catalog.sources("other", ["aa", "bb"]) == {}


@pytest.mark.parametrize(
    ("sources", "life"), [(SOURCES, FOUND_SECONDS), ((), NOT_FOUND_SECONDS)], ids=["hit", "miss"]
)
def test_an_answer_expires(catalog, monkeypatch, sources, life):
    now = time.time()
    catalog.remember_sources("civitai", {"aa": sources})

    for seconds, known in ((life - 5, True), (life + 5, False), (-60, False)):
        monkeypatch.setattr(time, "time", lambda at=now + seconds: at)
        assert (catalog.sources("civitai", ["aa"]) == {"aa": sources}) is known


def test_a_miss_is_believed_for_at_most_five_minutes():
    assert 0 < NOT_FOUND_SECONDS <= 300 < FOUND_SECONDS


def filled(path: Path) -> Path:
    catalog = Catalog(path)
    catalog.remember_sources("civitai", {f"{number:064x}": SOURCES for number in range(300)})
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


def damage(path: Path, case: str) -> None:
    content = path.read_bytes()
    pages = len(content) // 4096
    path.write_bytes(
        {
            "text": b"this is no database\n" * 500,
            "zeros": bytes(len(content)),
            "cut": content[: 4096 * (pages // 2)],
            "overwritten pages": content[:4096] + os.urandom(4096 * (pages - 1)),
        }[case]
    )


@pytest.mark.parametrize("case", ["text", "zeros", "cut", "overwritten pages"])
def test_a_damaged_catalog_is_set_aside_and_a_new_one_begun(path, tmp_path, case, caplog):
    damage(filled(path), case)
    damaged = path.read_bytes()
    catalog = Catalog(path)

    assert catalog.sources("civitai", ["0" * 64]) == {}
    catalog.remember(model(tmp_path / "a"), DIGESTS)

    assert Catalog(path).digests(model(tmp_path / "a")) == DIGESTS
    (aside,) = path.parent.glob("*.corrupt-*")
    assert aside.read_bytes() == damaged
    assert "set aside" in caplog.text


@pytest.mark.parametrize("content", [b"", b"x"])
def test_a_file_too_short_for_a_database_is_a_new_catalog(path, tmp_path, content):
    path.parent.mkdir()
    path.write_bytes(content)

    Catalog(path).remember(model(tmp_path / "a"), DIGESTS)

    assert Catalog(path).digests(model(tmp_path / "a")) == DIGESTS


def test_damage_while_it_is_in_use_is_an_error_of_the_catalog(path, tmp_path):
    catalog = Catalog(filled(path))
    catalog.remember(model(tmp_path / "a"), DIGESTS)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    damage(path, "overwritten pages")

    with pytest.raises(CatalogError, match=r"catalog\.sqlite3"):
        catalog.sources("civitai", [f"{number:064x}" for number in range(300)])


def test_a_catalog_of_a_newer_release_is_refused_and_left_alone(path, tmp_path):
    filled(path)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()

    with pytest.raises(CatalogError, match="newer"):
        Catalog(path).digests(model(tmp_path / "a"))

    assert list(path.parent.glob("*.corrupt-*")) == []
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM answers").fetchone() == (300,)
    db.close()


def test_a_place_that_cannot_be_written_is_an_error_of_the_catalog(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.sqlite3").mkdir()

    for path in (tmp_path / "file" / "catalog.sqlite3", tmp_path / "folder.sqlite3"):
        with pytest.raises(CatalogError):
            Catalog(path).digests(model(tmp_path / "a"))


def write_many(path: Path, first: int, count: int, start) -> None:
    catalog = Catalog(path)
    start.wait()
    for number in range(first, first + count):
        catalog.remember(model(Path(f"/models/{number}")), DIGESTS)


def test_processes_write_to_a_new_catalog_at_once(path):
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    writers = [
        context.Process(target=write_many, args=(path, 1000 * index, 40, start))
        for index in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    catalog = Catalog(path)
    for index in range(3):
        for number in range(1000 * index, 1000 * index + 40):
            assert catalog.digests(model(Path(f"/models/{number}"))) == DIGESTS


WRITER = """
import sys
from pathlib import Path
from satchel.catalog import Catalog
from satchel.folders import LocalModel
from satchel.hashes import FileDigests

catalog = Catalog(Path(sys.argv[1]))
number = 0
while True:
    path = Path(f"/models/{number}")
    catalog.remember(
        LocalModel("loras", path.name, path, 100, 5), FileDigests("a" * 64, "b" * 12, 100)
    )
    print(number, flush=True)
    number += 1
"""


def test_a_writer_that_is_killed_leaves_everything_it_had_finished(path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    last = -1
    for line in writer.stdout:
        last = int(line)
        if last == 30:
            writer.send_signal(signal.SIGKILL)
    writer.wait(10)
    assert writer.returncode == -signal.SIGKILL

    catalog = Catalog(path)
    for number in range(last + 1):
        assert catalog.digests(model(Path(f"/models/{number}"))) == DIGESTS
    catalog.remember(model(Path("/models/after")), DIGESTS)
    assert list(path.parent.glob("*.corrupt-*")) == []


def test_a_catalog_that_is_deleted_while_in_use_begins_anew(tmp_path):
    path = tmp_path / "catalog.sqlite3"
    catalog = Catalog(path)
    catalog.remember_sources("civitai", {"0" * 64: ()})
    for file in tmp_path.glob("catalog.sqlite3*"):
        file.unlink()

    assert catalog.sources("civitai", ["0" * 64]) == {}
    assert path.exists()
