"""`satchel get`: one reference becomes one verified file, with or without a published digest."""

from __future__ import annotations

import io
import tarfile
from contextlib import ExitStack
from dataclasses import replace

import pytest
from support.marketplace import Marketplace
from support.marketplace.fal import Fal
from support.marketplace.huggingface import HuggingFace
from support.marketplace.replicate import Replicate
from support.models import write_safetensors
from support.workspaces import make_workspace, sources_of

from satchel.errors import (
    AmbiguousReferenceError,
    ArchiveError,
    ForbiddenFormatError,
    ForbiddenSizeError,
    GoneError,
    LoginRequiredError,
    UnavailableError,
)
from satchel.hashes import hash_file
from satchel.identity import ModelIdentity
from satchel.local_references import find_named, find_referenced, is_pinned
from satchel.marketplaces.civitai_records import download_url
from satchel.obtain import obtain
from satchel.policy import Policy
from satchel.references import UrlReference, parse_reference
from satchel.settings import SourceSettings, origin_of

KEY = "secret-of-this-test"
TRAINING = "zz4ibbonubfz7carwiefibzgga"
REQUEST = "764cabcf-b745-4b3e-ae38-1200304cf45b"
APP = "fal-ai/flux-lora-fast-training"


@pytest.fixture
def sites():
    with ExitStack() as stack:
        made = (Marketplace(), Fal(keys=(KEY,)), Replicate(tokens=(KEY,)), HuggingFace())
        yield [stack.enter_context(site) for site in made]


@pytest.fixture
def space(sites, tmp_path):
    market, fal, replicate, hub = sites
    sources = {
        **sources_of(market),
        "fal": SourceSettings(fal.site_url, KEY),
        "replicate": SourceSettings(replicate.site_url, KEY),
        "huggingface": SourceSettings(hub.site_url),
    }
    origins = frozenset(origin_of(site.storage_url) for site in sites)
    return make_workspace(tmp_path, sources=sources, trusted_origins=origins)


@pytest.fixture
def weights(tmp_path):
    return write_safetensors(tmp_path / "trained" / "lora.safetensors", seed=4)


def get(space, text, kind=None):
    return obtain(parse_reference(text), kind, space)


def names(space):
    root = space.folders.first_root("loras")
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (Policy(formats=frozenset({".gguf"})), ForbiddenFormatError),
        (Policy(max_file_bytes=100), ForbiddenSizeError),
        (Policy(max_total_bytes=100), ForbiddenSizeError),
        (Policy(formats=frozenset({".safetensors"}), max_file_bytes=10**6, max_total_bytes=10**6),
         None),
    ],
)  # fmt: skip
def test_the_operators_policy_binds_what_one_names(space, sites, weights, policy, error):
    published = sites[0].publish(weights, model_name="Ink")
    space = replace(space, settings=replace(space.settings, policy=policy))

    if error is None:
        assert get(space, published.sha256).fetched
        return
    with pytest.raises(error):
        get(space, published.sha256)
    assert names(space) == []


def test_a_file_without_a_digest_is_held_to_the_policy_while_it_arrives(space, sites, weights):
    sites[2].train(TRAINING, weights)
    address = f"https://replicate.com/p/{TRAINING}"
    small = replace(space.settings, policy=Policy(max_file_bytes=100))

    with pytest.raises(ForbiddenSizeError, match="allows 100 bytes"):
        get(replace(space, settings=small), address)

    assert names(space) == []
    large = replace(space.settings, policy=Policy(max_file_bytes=10**6))
    assert get(replace(space, settings=large), address).fetched


def test_what_is_here_is_told_whatever_the_policy_forbids_to_fetch(space, sites, weights):
    published = sites[0].publish(weights, model_name="Ink")
    get(space, published.sha256)
    policy = Policy(formats=frozenset({".gguf"}))
    space = replace(space, settings=replace(space.settings, policy=policy))

    assert not get(space, published.sha256).fetched


def test_a_training_of_replicate_comes_out_of_its_archive(space, sites, weights):
    sites[2].train(TRAINING, weights)

    got = get(space, f"https://replicate.com/p/{TRAINING}")

    assert got.model.path.read_bytes() == weights.read_bytes()
    assert (got.fetched, got.pinned) == (True, False)
    assert got.digests == hash_file(weights)
    assert names(space) == ["ink-wash-88388838.safetensors"]
    assert space.catalog.digests(got.model) == got.digests


def test_a_hostile_archive_leaves_nothing(space, sites, weights):
    url = sites[2].train(TRAINING, weights)
    archive = weights.with_suffix(".tar")
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("../../evil.safetensors"), io.BytesIO())
    sites[2].store.put(url.removeprefix(sites[2].storage_url), archive, TRAINING)

    with pytest.raises(ArchiveError):
        get(space, f"https://replicate.com/p/{TRAINING}")

    assert names(space) == []


def test_a_training_of_fal_is_taken_as_it_comes(space, sites, weights):
    fal = sites[1]
    file = fal.store_file("/files/penguin/abc_pytorch_lora_weights.safetensors", weights)
    fal.answer(APP, REQUEST, 200, {"diffusers_lora_file": file})

    got = get(space, f"https://queue.fal.run/{APP}/requests/{REQUEST}")
    again = get(space, f"https://queue.fal.run/{APP}/requests/{REQUEST}")

    assert (got.pinned, again.digests) == (False, hash_file(weights))
    assert again.model.path == got.model.path
    assert len(names(space)) == 1


def test_what_has_no_digest_is_not_for_those_who_need_one(space, sites, weights):
    sites[2].train(TRAINING, weights)
    reference = parse_reference(f"https://replicate.com/p/{TRAINING}")

    for refused in (
        lambda: space.resolver().resolve(reference),
        lambda: obtain(reference, None, space, pinned_only=True),
    ):
        with pytest.raises(UnavailableError, match="no SHA256"):
            refused()
    assert names(space) == []


@pytest.mark.parametrize(
    ("published", "here"),
    [
        ("..%2F..%2Fevil.safetensors", "evil.safetensors"),
        ("CON.safetensors", "_CON.safetensors"),
        ("a%E2%80%AEb.safetensors", "ab.safetensors"),
        ("C:\\evil.safetensors", "C_/evil.safetensors"),
    ],
)
def test_a_hostile_name_is_made_harmless(space, sites, weights, published, here):
    lora = sites[0].publish(weights, model_name="Odd", file_name=published)

    got = get(space, lora.air)

    assert (names(space), got.model.name) == ([here], here)


def test_a_pickle_stays_where_it_is(space, sites, tmp_path):
    (tmp_path / "x.ckpt").write_bytes(b"\x80\x04.")
    lora = sites[0].publish(tmp_path / "x.ckpt", model_name="Old")

    with pytest.raises(ForbiddenFormatError):
        get(space, lora.air)
    assert names(space) == []


# --- mirrors ------------------------------------------------------------------------------------


@pytest.fixture
def mirrored(sites):
    def build(path, **options):
        market, hub = sites[0], sites[3]
        lora = market.publish(path, model_name="Ink", **options)
        hub.publish("archive/loras", "ink.safetensors", path)
        url = "https://huggingface.co/archive/loras/resolve/main/ink.safetensors"
        market.archive.mirror(lora.sha256, url)
        source = space_source(lora)
        return ModelIdentity("loras", "ink.safetensors", lora.sha256.lower(), sources=(source,))

    return build


def space_source(lora):
    from satchel.identity import Source

    url = download_url(lora.version_id, lora.file_id)
    return Source("civitai", url, None, lora.model_id, lora.version_id, lora.file_id)


@pytest.mark.parametrize("options", [{"archived": True}, {"require_login": True}])
def test_every_download_asks_for_mirrors_once_all_sources_have_refused(
    space, mirrored, weights, tmp_path, options
):
    model = mirrored(weights, **options)

    path, digests = space.downloader().fetch(model, tmp_path / "ink.safetensors")

    assert (path.read_bytes(), digests.sha256) == (weights.read_bytes(), model.sha256)


def test_what_was_tried_is_told_mirrors_included(space, sites, mirrored, weights, tmp_path):
    model = mirrored(weights, archived=True)
    sites[3].settings("archive/loras", gated="manual")

    with pytest.raises(GoneError) as caught:
        space.downloader().fetch(model, tmp_path / "ink.safetensors")

    tried = [entry["source"] for entry in caught.value.details["tried"]]
    assert [url.split("/")[2] for url in tried] == ["civitai.com", "huggingface.co"]


def test_a_file_that_is_served_asks_for_no_mirrors(space, sites, mirrored, weights, tmp_path):
    space.downloader().fetch(mirrored(weights), tmp_path / "ink.safetensors")

    assert sites[0].archive.requests == []


def test_without_a_digest_there_are_no_mirrors(space, sites, mirrored, weights, tmp_path):
    source = mirrored(weights, require_login=True).sources[0]

    with pytest.raises(LoginRequiredError):
        space.downloader().fetch_unpinned(source, tmp_path / "ink.safetensors")

    assert sites[0].archive.requests == []


# --- what a reference means without asking --------------------------------------------------------


def test_a_reference_that_was_fetched_is_known_from_then_on(space, sites, weights):
    sites[2].train(TRAINING, weights)
    text = f"https://replicate.com/p/{TRAINING}"
    reference = parse_reference(text)
    assert find_referenced(reference, "loras", space) is None

    got = get(space, text)
    for site in sites:
        site.clear_requests()

    found = find_referenced(reference, "loras", space)
    assert found is not None
    assert found.path == got.model.path
    assert find_referenced(reference, "vae", space) is None
    assert find_referenced(parse_reference(got.digests.sha256), "loras", space) == found
    assert [site.requests for site in sites] == [[]] * 4
    got.model.path.unlink()
    assert find_referenced(reference, "loras", space) is None


def test_an_address_that_may_hold_a_secret_is_not_remembered(space, sites, weights):
    lora = sites[0].publish(weights, model_name="Ink")
    got = get(space, lora.air)
    from satchel.obtain import _remember

    _remember(UrlReference("https://files.example/x.safetensors?key=abc"), got, space)
    _remember(UrlReference("https://files.example/x.safetensors"), got, space)

    known = space.catalog.references
    assert known.get("https://files.example/x.safetensors?key=abc") is None
    assert known.get("https://files.example/x.safetensors") == got.digests.sha256


def test_a_name_is_one_of_the_listing_and_no_path(space, tmp_path):
    root = space.folders.first_root("loras")
    for folder in ("a", "b"):
        write_safetensors(root / folder / "twin.safetensors")
    write_safetensors(tmp_path / "outside.safetensors")

    assert find_named("loras", "a\\twin.safetensors", space).name == "a/twin.safetensors"
    assert find_named("loras", "../../outside.safetensors", space) is None
    assert find_named("loras", str(tmp_path / "outside.safetensors"), space) is None
    with pytest.raises(AmbiguousReferenceError, match="2 files are called twin"):
        find_named("loras", "twin", space)


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("1" * 64, True),
        ("autov2:512668307b", False),
        ("civitai:1@2", True),
        ("https://civitai.com/models/1", False),
        ("https://huggingface.co/a/b/resolve/main/c.safetensors", False),
        (f"https://huggingface.co/a/b/resolve/{'c' * 40}/c.safetensors", True),
        ("https://civarchive.com/sha256/" + "1" * 64, True),
        (f"https://replicate.com/p/{TRAINING}", False),
        ("https://files.example/x.safetensors", False),
        ("x.safetensors", False),
    ],
)
def test_pinned_is_what_means_the_same_bytes_for_ever(text, pinned):
    assert is_pinned(parse_reference(text)) is pinned


def test_a_taken_name_is_told(space, sites, weights):
    lora = sites[0].publish(weights, model_name="Ink", file_name="ink.safetensors")
    write_safetensors(space.folders.first_root("loras") / "ink.safetensors", seed=9)

    got = get(space, lora.air)

    assert got.model.name == f"ink-{lora.sha256.lower()[:8]}.safetensors"
    assert "Another file is called ink.safetensors" in got.note
    assert replace(got, note="").to_json()["note"] is None
