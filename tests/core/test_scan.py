"""Scans: what is new, what moved, what is gone, and that nothing is read twice for it."""

from __future__ import annotations

import multiprocessing
import os
import shutil

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.catalog import store
from satchel.examine import examine, examine_all
from satchel.fingerprint import fingerprint
from satchel.folders import LocalModel, ModelFolders
from satchel.hashes import hash_file
from satchel.scan import scan

BIG = {"w": (80_000,)}


@pytest.fixture
def space(tmp_path):
    return make_workspace(tmp_path)


@pytest.fixture
def loras(tmp_path):
    return tmp_path / "models" / "loras"


def rescan(space):
    return scan(space.folders, space.catalog).changes


def hashed(space, name, kind="loras"):
    model = space.folders.get(kind, name)
    return examine(model, space.catalog)


def known(space, name, kind="loras"):
    return space.catalog.digests(space.folders.get(kind, name))


def names(models):
    return sorted(model.name for model in models)


def test_the_first_scan_adds_all_and_the_second_changes_nothing(space, loras):
    write_safetensors(loras / "a.safetensors")
    write_safetensors(loras / "style" / "b.safetensors")

    first, second = rescan(space), rescan(space)

    assert names(first.added) == ["a.safetensors", "style/b.safetensors"]
    assert first.listed == second.listed == 2
    assert not second.any
    assert [row.digests for row in space.catalog.files.live()] == [None, None]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("loras/a.safetensors", "loras/b.safetensors"),
        ("loras/a.safetensors", "loras/deep/er/a.safetensors"),
        ("loras/a.safetensors", "checkpoints/a.safetensors"),
    ],
)
def test_a_renamed_file_keeps_its_digests_unread(space, tmp_path, monkeypatch, old, new):
    models = tmp_path / "models"
    write_safetensors(models / old)
    rescan(space)
    before = hashed(space, "a.safetensors")
    monkeypatch.setattr(store, "fingerprint", lambda path: pytest.fail("it was read"))
    (models / new).parent.mkdir(parents=True, exist_ok=True)
    (models / old).rename(models / new)

    changes = rescan(space)

    kind, _, name = new.partition("/")
    assert [model.name for _, model in changes.moved] == [name]
    assert (changes.added, changes.gone) == ((), ())
    assert known(space, name, kind) == before


def test_a_file_from_another_disk_is_known_by_size_and_a_few_blocks(space, loras):
    write_safetensors(loras / "a.safetensors", BIG)
    rescan(space)
    before = hashed(space, "a.safetensors")
    shutil.copyfile(loras / "a.safetensors", loras / "b.safetensors")  # another inode and time
    os.utime(loras / "b.safetensors", ns=(5, 5))
    (loras / "a.safetensors").unlink()

    changes = rescan(space)

    assert [model.name for _, model in changes.moved] == ["b.safetensors"]
    assert known(space, "b.safetensors") == before


def test_another_file_of_the_same_size_and_header_is_not_taken_for_the_one_that_left(space, loras):
    # Two checkpoints of one training: the same names, shapes and metadata.
    write_safetensors(loras / "epoch1.safetensors", BIG, seed=1)
    rescan(space)
    hashed(space, "epoch1.safetensors")
    write_safetensors(loras / "epoch2.safetensors", BIG, seed=2)
    (loras / "epoch1.safetensors").unlink()

    changes = rescan(space)

    assert (names(changes.added), len(changes.gone)) == (["epoch2.safetensors"], 1)
    assert known(space, "epoch2.safetensors") is None


def test_a_copy_is_a_file_of_its_own(space, loras):
    write_safetensors(loras / "a.safetensors", BIG)
    rescan(space)
    hashed(space, "a.safetensors")
    shutil.copyfile(loras / "a.safetensors", loras / "b.safetensors")

    assert names(rescan(space).added) == ["b.safetensors"]
    assert known(space, "b.safetensors") is None
    assert known(space, "a.safetensors") is not None


def test_a_hard_link_has_the_digests_of_its_twin(space, loras):
    write_safetensors(loras / "a.safetensors")
    rescan(space)
    before = hashed(space, "a.safetensors")
    os.link(loras / "a.safetensors", loras / "b.safetensors")

    rescan(space)

    assert known(space, "a.safetensors") == known(space, "b.safetensors") == before


def test_two_files_that_swap_their_names_swap_their_digests(space, loras):
    for number, name in enumerate(("a", "b")):
        write_safetensors(loras / f"{name}.safetensors", seed=number)
        os.utime(loras / f"{name}.safetensors", ns=(number, number))
    rescan(space)
    first, second = hashed(space, "a.safetensors"), hashed(space, "b.safetensors")
    (loras / "a.safetensors").rename(loras / "c")
    (loras / "b.safetensors").rename(loras / "a.safetensors")
    (loras / "c").rename(loras / "b.safetensors")

    rescan(space)

    assert (known(space, "a.safetensors"), known(space, "b.safetensors")) == (second, first)


def test_a_file_written_over_in_place_is_hashed_again(space, loras):
    path = write_safetensors(loras / "a.safetensors", {"w": (200_000,)})
    rescan(space)
    before = hashed(space, "a.safetensors")
    with path.open("r+b") as file:  # one byte, where no block of the fingerprint is
        file.seek(400_003)
        file.write(b"\xff")
    os.utime(path, ns=(7, 7))
    assert fingerprint(path) is not None

    changes = rescan(space)

    assert (len(changes.gone), names(changes.added)) == (1, ["a.safetensors"])
    assert known(space, "a.safetensors") is None
    assert hashed(space, "a.safetensors") != before


def test_deleted_files_stay_as_history_and_are_known_when_they_come_back(space, loras, tmp_path):
    write_safetensors(loras / "a.safetensors")
    rescan(space)
    before = hashed(space, "a.safetensors")
    (loras / "a.safetensors").rename(tmp_path / "elsewhere")

    assert len(rescan(space).gone) == 1
    assert space.catalog.files.live() == []
    (row,) = space.catalog.files.history(str(loras / "a.safetensors"))
    assert row.digests == before
    assert row.gone_at is not None

    (tmp_path / "elsewhere").rename(loras / "a.safetensors")
    rescan(space)
    assert known(space, "a.safetensors") == before


def test_an_unplugged_folder_and_other_folders_lose_nothing(space, loras, tmp_path):
    write_safetensors(loras / "a.safetensors")
    write_safetensors(tmp_path / "disk" / "b.safetensors")
    folders = ModelFolders({"loras": (loras, tmp_path / "disk"), "vae": (tmp_path / "vae",)})
    scan(folders, space.catalog)
    (tmp_path / "disk").rename(tmp_path / "unplugged")

    assert not scan(folders, space.catalog).changes.gone
    assert not scan(folders, space.catalog, ["vae"]).changes.gone
    assert len(space.catalog.files.live()) == 2


def test_a_scan_of_one_kind_leaves_the_others_alone(space, loras, tmp_path):
    write_safetensors(loras / "a.safetensors")
    write_safetensors(tmp_path / "models" / "vae" / "v.safetensors")
    rescan(space)
    (tmp_path / "models" / "vae" / "v.safetensors").unlink()

    assert not scan(space.folders, space.catalog, ["loras"]).changes.any
    assert names(row.model for row in rescan(space).gone) == ["v.safetensors"]


def test_links_to_one_file_are_one_file(space, loras, tmp_path):
    write_safetensors(tmp_path / "store" / "a.safetensors")
    loras.mkdir(parents=True)
    (loras / "a.safetensors").symlink_to(tmp_path / "store" / "a.safetensors")
    (loras / "more").symlink_to(tmp_path / "store", target_is_directory=True)

    changes = rescan(space)

    assert changes.listed == 1
    assert names(changes.added) == ["a.safetensors"]
    assert not rescan(space).any


def test_files_of_an_older_catalog_get_their_names(space, loras):
    write_safetensors(loras / "a.safetensors")
    model = space.folders.get("loras", "a.safetensors")
    examine(model, space.catalog)
    with space.catalog._database.writing() as db:
        db.execute("UPDATE files SET kind = '', name = '', base = '', device = 0, inode = 0")

    rescan(space)

    assert not rescan(space).any
    assert space.catalog.files.live()[0].file_id[1] == model.path.stat().st_ino
    assert [row.name for row in space.catalog.files.with_name("a.safetensors")] == ["a.safetensors"]
    assert known(space, "a.safetensors") is not None


def test_a_file_that_was_fetched_is_followed_like_any_other(space, loras):
    path = write_safetensors(loras / "a.safetensors")
    status = path.stat()
    # As downloads describe what they have just written.
    fetched = LocalModel("loras", path.name, path, status.st_size, status.st_mtime_ns)
    space.catalog.remember(fetched, hash_file(path))
    path.rename(loras / "b.safetensors")

    rescan(space)

    assert known(space, "b.safetensors") == hash_file(loras / "b.safetensors")


def test_many_files_are_hashed_at_once_and_remembered(space, loras):
    for number in range(8):
        write_safetensors(loras / f"{number}.safetensors", seed=number)
    models = scan(space.folders, space.catalog).models
    (loras / "3.safetensors").unlink()

    unread = examine_all(models, space.catalog)

    assert names(unread) == ["3.safetensors"]
    assert len(space.catalog.files.digests(models)) == 7
    seen = []
    examine_all([m for m in models if m not in unread], space.catalog, report=seen.append)
    assert seen == []


def scan_often(folders, catalog, start):
    start.wait()
    for _ in range(5):
        scan(folders, catalog)


def test_processes_scan_the_same_new_folders_at_once(space, loras):
    for number in range(200):
        write_safetensors(loras / f"{number}.safetensors", {"w": (1,)}, seed=number)
    context = multiprocessing.get_context("fork")
    start = context.Barrier(3)
    workers = [
        context.Process(target=scan_often, args=(space.folders, space.catalog, start))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    rows = space.catalog.files.live()
    assert len(rows) == len({row.path for row in rows}) == 200
    assert not rescan(space).any
