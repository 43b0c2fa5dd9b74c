"""Local files by whatever somebody knows of them."""

from __future__ import annotations

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.examine import claim_identities, examine
from satchel.find import find
from satchel.hashes import ALL_KINDS
from satchel.identity import ModelIdentity, Source
from satchel.marketplaces.records import PublishedFile, PublishedVersion
from satchel.scan import scan


@pytest.fixture
def space(tmp_path):
    made = make_workspace(tmp_path)
    models = tmp_path / "models"
    write_safetensors(models / "loras/style/ink.v2.safetensors", {"w": (600_000,)}, seed=1)
    write_safetensors(models / "loras/ink.v2.safetensors", seed=2)
    write_safetensors(models / "vae/12345678.safetensors", seed=3)
    write_safetensors(models / "loras/claims.safetensors", {"x": (9,)}, seed=4,
                      metadata={"sshs_model_hash": "ab" * 32})  # fmt: skip
    scan(made.folders, made.catalog)
    return made


@pytest.fixture
def digests(space):
    model = space.folders.get("loras", "style/ink.v2.safetensors")
    return examine(model, space.catalog, ALL_KINDS)


def names(found):
    return [f"{model.kind}/{model.name}" for model in found.models]


INK = "loras/style/ink.v2.safetensors"


@pytest.mark.parametrize("kind", ["SHA256", "AutoV1", "AutoV2", "AutoV3", "CRC32"])
def test_any_digest_finds_it_in_either_case(space, digests, kind):
    hex_ = digests.by_kind()[kind]

    for text in (hex_, hex_.upper(), f" {hex_} "):
        found = find(text, space.catalog)
        assert (found.how, names(found)) == ("digest", [INK])
    assert names(find("1" * len(hex_), space.catalog)) == []


def test_a_digest_that_a_header_claims_finds_it_until_it_is_hashed(space):
    model = space.folders.get("loras", "claims.safetensors")
    claim_identities([model], space.catalog)

    found = find("AB" * 6, space.catalog)
    assert (found.how, names(found)) == ("claim", ["loras/claims.safetensors"])

    examine(model, space.catalog)
    assert find("ab" * 6, space.catalog).models == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("style/ink.v2.safetensors", [INK]),
        ("style\\ink.v2.safetensors", [INK]),
        ("STYLE/ink.V2.safetensors", [INK]),
        ("ink.v2.safetensors", ["loras/ink.v2.safetensors", INK]),
        ("ink.v2", ["loras/ink.v2.safetensors", INK]),
        ("style/ink.v2", [INK]),
        ("12345678", ["vae/12345678.safetensors"]),
    ],
)
def test_names_and_their_ends_find_files(space, text, found):
    assert names(find(text, space.catalog)) == found


@pytest.mark.parametrize("text", ["other/ink.v2", "k.v2.safetensors", "../ink.v2.safetensors"])
def test_a_name_is_whole_or_the_end_of_a_path(space, text):
    assert find(text, space.catalog).how == "words"


def test_a_size_finds_files(space):
    size = (space.folders.get("loras", "style/ink.v2.safetensors")).size

    for text in (f"{size}", f"size:{size}", f"{size} bytes"):
        assert (find(text, space.catalog).how, names(find(text, space.catalog))) == ("size", [INK])
    assert find("size:1", space.catalog).models == ()
    assert find("9" * 40, space.catalog).models == ()


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("urn:air:sdxl:lora:civitai:10@20", True),
        ("urn:air:sdxl:lora:civitai:10@20+30", True),
        ("https://civitai.com/models/10?modelVersionId=20", True),
        ("https://civitai.com/api/download/models/20", True),
        ("https://civitai.com/models/10", True),
        ("urn:air:sdxl:lora:civitai:10@20+31", False),
        ("urn:air:sdxl:lora:civitai:10@21", False),
    ],
)
def test_what_is_published_is_found_by_its_address(space, digests, text, hit):
    source = Source("civitai", "https://civitai.com/x", None, 10, 20, 30)
    identity = ModelIdentity("loras", "x", digests.sha256, sources=(source,))
    file = PublishedFile(identity, digests=(("SHA256", digests.sha256),))
    space.catalog.records.put(
        [PublishedVersion("civitai", "Ink", model_id="10", version_id="20", files=(file,))]
    )

    found = find(text, space.catalog)

    assert names(found) == ([INK] if hit else [])
    assert not hit or found.how == "published"


def test_words_are_the_last_resort_and_kinds_narrow_everything(space):
    assert find("style ink", space.catalog).how == "words"
    assert names(find("style ink", space.catalog)) == [INK]
    assert names(find("ink.v2.safetensors", space.catalog, kinds=["vae"])) == []
    assert names(find("12345678", space.catalog, kinds=["vae"])) == ["vae/12345678.safetensors"]
    assert len(find("ink.v2", space.catalog, limit=1).models) == 1
