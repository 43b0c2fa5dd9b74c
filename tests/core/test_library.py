"""Model files by name and by digest, each hashed at most once."""

from __future__ import annotations

import os

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.errors import CancelledError
from satchel.hashes import hash_file


@pytest.fixture
def space(tmp_path):
    return make_workspace(tmp_path)


def write(tmp_path, name, **options):
    return write_safetensors(tmp_path / "models" / name, **options)


def hashed_names(space, action):
    """What a fresh library hashes while it does something."""
    seen: list[str] = []
    library = space.watched(lambda event: seen.append(event.name)).library()
    result = action(library)
    return result, list(dict.fromkeys(seen))


def test_a_file_is_hashed_once_and_then_known(space, tmp_path):
    path = write(tmp_path, "loras/a.safetensors")
    model = space.folders.get("loras", "a.safetensors")

    first, hashed = hashed_names(space, lambda library: library.digests(model))
    again, hashed_again = hashed_names(space, lambda library: library.digests(model))

    assert first == again == hash_file(path)
    assert (hashed, hashed_again) == (["a.safetensors"], [])


def test_a_file_that_changed_is_hashed_again(space, tmp_path):
    path = write(tmp_path, "loras/a.safetensors")
    old = space.library().digests(space.folders.get("loras", "a.safetensors"))
    write(tmp_path, "loras/a.safetensors", seed=1)
    os.utime(path, ns=(1, 1))  # the same size, another time

    new = space.library().digests(space.folders.get("loras", "a.safetensors"))

    assert new == hash_file(path) != old


def test_a_quick_library_reads_nothing(space, tmp_path):
    write(tmp_path, "loras/a.safetensors")
    model = space.folders.get("loras", "a.safetensors")

    assert space.library(may_hash=False).digests(model) is None
    known = space.library().digests(model)
    assert space.library(may_hash=False).digests(model) == known


def test_a_file_is_found_by_its_digest_and_others_of_its_size_are_hashed_only_as_needed(
    space, tmp_path
):
    wanted = hash_file(write(tmp_path, "loras/b.safetensors", seed=2))
    write(tmp_path, "loras/a.safetensors", seed=1)
    write(tmp_path, "loras/c.safetensors", seed=3)
    write(tmp_path, "loras/bigger.safetensors", shapes={"w": (99,)})
    write(tmp_path, "vae/b.safetensors", seed=2)

    def find(library):
        return library.find_by_digest("loras", wanted.sha256, wanted.size)

    found, hashed = hashed_names(space, find)
    assert found.name == "b.safetensors"
    assert hashed == ["a.safetensors", "b.safetensors"]

    found, hashed = hashed_names(space, find)
    assert (found.name, hashed) == ("b.safetensors", [])
    assert hashed_names(space, lambda library: find(library).kind) == ("loras", [])


def test_without_a_size_only_known_digests_answer(space, tmp_path):
    wanted = hash_file(write(tmp_path, "loras/b.safetensors", seed=2))
    write(tmp_path, "loras/a.safetensors", shapes={"w": (99,)})

    def find(library):
        return library.find_by_digest("loras", wanted.sha256, None)

    assert hashed_names(space, find) == (None, [])
    space.library().digests(space.folders.get("loras", "b.safetensors"))
    assert find(space.library()).name == "b.safetensors"


def test_a_digest_that_nobody_has_is_not_found(space, tmp_path):
    digests = hash_file(write(tmp_path, "loras/a.safetensors"))

    assert space.library().find_by_digest("loras", "0" * 64, digests.size) is None
    assert space.library().find_by_digest("vae", digests.sha256, digests.size) is None
    assert space.library().find_by_digest("nope", digests.sha256, digests.size) is None


def test_a_candidate_that_disappears_does_not_end_the_search(space, tmp_path):
    gone = write(tmp_path, "loras/a.safetensors", seed=1)
    wanted = hash_file(write(tmp_path, "loras/b.safetensors", seed=2))
    library = space.library()
    library.find_by_file_name("a.safetensors")  # lists the folder
    gone.unlink()

    assert library.find_by_digest("loras", wanted.sha256, wanted.size).name == "b.safetensors"


def test_files_are_found_by_the_end_of_their_path(space, tmp_path):
    for name in ("loras/x.safetensors", "loras/style/x.safetensors", "vae/x.safetensors"):
        write(tmp_path, name)
    write(tmp_path, "loras/prefix-x.safetensors")

    found = space.library().find_by_file_name("x.safetensors")

    assert {(model.kind, model.name) for model in found} == {
        ("loras", "x.safetensors"),
        ("loras", "style/x.safetensors"),
        ("vae", "x.safetensors"),
    }


def test_a_cancelled_search_says_so(space, tmp_path):
    digests = hash_file(write(tmp_path, "loras/a.safetensors"))
    watched = space.watched(lambda event: None)
    watched.cancellation.cancel()

    with pytest.raises(CancelledError):
        watched.library().find_by_digest("loras", digests.sha256, digests.size)
