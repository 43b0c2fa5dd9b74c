"""Pictures that are kept for models: by their SHA256, within bounds, after those beside them."""

from __future__ import annotations

import os
import time

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.errors import CatalogError, ModelNotFoundError
from satchel.examine import examine
from satchel.inventory import listed
from satchel.preview_cache import PreviewCache, find_shown_preview, shown_previews

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def cache(tmp_path):
    return PreviewCache(tmp_path / "previews", most_bytes=100)


def age(tmp_path, sha256, seconds):
    then = time.time() - seconds
    os.utime(tmp_path / "previews" / sha256, (then, then))


def test_a_picture_is_found_by_its_models_digest(cache, tmp_path):
    assert (cache.known(), cache.path(A), cache.stamps({A})) == (set(), None, {})

    cache.put(A, b"picture")

    path = cache.path(A)
    assert path.read_bytes() == b"picture"
    assert (cache.known(), cache.path(B)) == ({A}, None)
    assert cache.stamps({A, B}) == {A: path.stat().st_mtime_ns // 1_000_000}
    cache.put(A, b"another")
    assert path.read_bytes() == b"another"
    assert [path.name for path in (tmp_path / "previews").iterdir()] == [A]


def test_the_oldest_make_room(cache, tmp_path):
    for number, sha256 in enumerate((A, B)):
        cache.put(sha256, bytes(40))
        age(tmp_path, sha256, 100 - number)

    cache.put(C, bytes(40))

    assert cache.known() == {B, C}


def test_what_another_process_added_counts_when_room_is_made(cache, tmp_path):
    cache.put(A, bytes(60))
    age(tmp_path, A, 50)
    PreviewCache(tmp_path / "previews", most_bytes=1000).put(B, bytes(60))
    age(tmp_path, B, 40)

    PreviewCache(tmp_path / "previews", most_bytes=100).put(C, bytes(30))

    assert cache.known() == {B, C}


def test_what_a_killed_process_left_goes_and_what_is_not_ours_stays(cache, tmp_path):
    folder = tmp_path / "previews"
    folder.mkdir()
    for name in (".preview-old", ".preview-new", "notes.txt"):
        (folder / name).write_bytes(b"x")
    os.utime(folder / ".preview-old", (5, 5))

    cache.put(A, b"picture")

    assert {path.name for path in folder.iterdir()} == {A, ".preview-new", "notes.txt"}
    assert cache.known() == {A}


@pytest.mark.parametrize(
    "name", ["", "..", "../catalog.sqlite3", "A" * 64, "a" * 63, "a" * 64 + "/"]
)
def test_nothing_but_a_digest_names_a_picture(cache, name):
    assert cache.path(name) is None
    with pytest.raises(AssertionError):
        cache.put(name, b"picture")


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "previews").write_text("a file")

    with pytest.raises(CatalogError, match="picture"):
        PreviewCache(tmp_path / "previews").put(A, b"picture")


@pytest.fixture
def space(tmp_path):
    made = make_workspace(tmp_path)
    write_safetensors(tmp_path / "models/loras/ink.safetensors")
    for model in listed([], made).models:
        examine(model, made.catalog)
    return made


def shown(space):
    models = listed([], space).models
    digests = space.catalog.files.digests(models)
    sha256s = {model: known.sha256 for model, known in digests.items()}
    found = shown_previews(models, sha256s, PreviewCache.beside(space.catalog))
    try:
        path = find_shown_preview("loras", "ink.safetensors", space.folders, space.catalog)
    except ModelNotFoundError:
        assert found == {}
        return None
    assert list(found.values()) == [path.stat().st_mtime_ns // 1_000_000]
    return path


def test_a_picture_that_is_kept_is_shown_where_none_lies_beside_the_file(space, tmp_path):
    assert shown(space) is None
    (model,) = listed([], space).models
    sha256 = space.catalog.digests(model).sha256

    PreviewCache.beside(space.catalog).put(sha256, b"kept")
    assert shown(space) == tmp_path / "previews" / sha256

    beside = tmp_path / "models/loras/ink.png"
    beside.write_bytes(b"beside")
    assert shown(space) == beside


def test_a_file_that_was_changed_does_not_show_the_picture_of_its_old_bytes(space, tmp_path):
    (model,) = listed([], space).models
    PreviewCache.beside(space.catalog).put(space.catalog.digests(model).sha256, b"kept")

    write_safetensors(tmp_path / "models/loras/ink.safetensors", {"w": (9, 9)}, seed=2)

    assert shown(space) is None
    with pytest.raises(ModelNotFoundError):
        find_shown_preview("loras", "ghost.safetensors", space.folders, space.catalog)
