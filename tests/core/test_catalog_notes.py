"""Notes belong to bytes; claims identify nothing."""

from __future__ import annotations

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.catalog.notes import Claim, Note
from satchel.claims import header_claims
from satchel.examine import claim_identities, examine
from satchel.hashes import HASH_OF_NOTHING, hash_file
from satchel.scan import scan


@pytest.fixture
def space(tmp_path):
    return make_workspace(tmp_path)


def add(tmp_path, name, **options):
    return write_safetensors(tmp_path / "models" / "loras" / name, **options)


def test_notes_come_back_the_users_own_first(space, tmp_path):
    add(tmp_path, "a.safetensors")
    model = space.folders.get("loras", "a.safetensors")
    own = Note(text="mine", words=("one", "two"), tags=("t",), strength=0.8)
    other = Note("webui", title="Title", base_model="SDXL")
    space.catalog.notes.put(model, [other, own, Note("empty")])

    assert space.catalog.notes.of(model) == [own, other]
    space.catalog.notes.put(model, [Note()])
    assert space.catalog.notes.of(model) == [other]


def test_notes_go_with_the_bytes_to_a_copy_and_back_from_the_dead(space, tmp_path):
    path = add(tmp_path, "a.safetensors")
    model = space.folders.get("loras", "a.safetensors")
    note = Note(text="mine")
    space.catalog.notes.put(model, [note])
    examine(model, space.catalog)
    content = path.read_bytes()
    path.unlink()
    scan(space.folders, space.catalog)
    (tmp_path / "models/loras/again.safetensors").write_bytes(content)
    again = space.folders.get("loras", "again.safetensors")

    assert space.catalog.notes.of(again) == []  # nobody knows yet that it is the same
    examine(again, space.catalog)
    assert space.catalog.notes.of(again) == [note]


def test_notes_do_not_stick_to_other_bytes_at_the_same_path(space, tmp_path):
    add(tmp_path, "a.safetensors")
    space.catalog.notes.put(space.folders.get("loras", "a.safetensors"), [Note(text="mine")])
    add(tmp_path, "a.safetensors", shapes={"w": (99,)})

    assert space.catalog.notes.of(space.folders.get("loras", "a.safetensors")) == []


GOOD = "0x" + "ab" * 32


@pytest.mark.parametrize(
    ("metadata", "hex_"),
    [
        ({"sshs_model_hash": "AB" * 32}, "ab" * 6),
        ({"modelspec.hash_sha256": GOOD}, "ab" * 6),
        ({"sshs_model_hash": HASH_OF_NOTHING, "modelspec.hash_sha256": GOOD}, "ab" * 6),
        ({"sshs_model_hash": HASH_OF_NOTHING}, None),
        ({"sshs_model_hash": "0" * 64}, None),
        ({"sshs_model_hash": "ab" * 16}, None),
        ({"sshs_model_hash": "None"}, None),
        ({"sshs_legacy_hash": "ab" * 4}, None),
        ({}, None),
    ],
)
def test_headers_claim_only_what_can_be_true(metadata, hex_):
    assert [claim.hex for claim in header_claims(metadata)] == ([hex_] if hex_ else [])


def test_a_claim_is_known_at_once_and_is_no_digest(space, tmp_path):
    add(tmp_path, "a.safetensors", metadata={"sshs_model_hash": "ab" * 32})
    model = space.folders.get("loras", "a.safetensors")

    claim_identities([model], space.catalog)

    assert space.catalog.notes.claims(model) == [Claim("AutoV3", "ab" * 6, "header", True)]
    assert space.catalog.digests(model) is None
    assert space.library(may_hash=False).digests(model) is None
    assert [row.name for row in space.catalog.files.with_claim("AB" * 6)] == ["a.safetensors"]


def test_hashing_decides_whatever_was_claimed(space, tmp_path):
    path = add(tmp_path, "a.safetensors", metadata={"sshs_model_hash": "ab" * 32})
    model = space.folders.get("loras", "a.safetensors")
    claim_identities([model], space.catalog)

    digests = space.library().digests(model)

    assert digests == hash_file(path)
    assert digests.autov3 != "ab" * 6
    assert space.catalog.files.with_claim("ab" * 6) == []
