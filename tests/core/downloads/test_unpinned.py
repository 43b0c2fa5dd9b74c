"""Files that are known by their address only: what is still checked, and what is learnt."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import pytest
from support.downloads import KEY, identity, listing, original, ranges, source_of

from satchel.downloads import transfer
from satchel.downloads.answers import Validator
from satchel.errors import (
    ArchiveError,
    CancelledError,
    DownloadError,
    FileFormatError,
    SizeMismatchError,
)
from satchel.hashes import hash_file
from satchel.identity import Source
from satchel.progress import Cancellation


@pytest.fixture
def get(downloader, folder):
    """Fetches what a published file's address serves, without its digest."""

    def run(published, url="", name="a.safetensors", size=None, **options):
        source = source_of(published)
        source = replace(source, url=url) if url else source
        return downloader(**options).fetch_unpinned(source, folder / name, size=size)

    return run


def test_it_arrives_with_the_digests_that_pin_it_from_now_on(get, publish, folder, tmp_path):
    lora = publish()

    path, digests = get(lora)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert digests.sha256 == lora.sha256.lower()
    assert listing(folder) == ["a.safetensors"]


def test_a_length_that_the_listing_told_is_checked(get, publish, folder):
    lora = publish()

    with pytest.raises(SizeMismatchError):
        get(lora, size=lora.size + 1)

    assert listing(folder) == []


@pytest.mark.parametrize("name", ["a.safetensors", "a.gguf"])
@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"\x80\x04.", b"PK\x03\x04", b""])
def test_what_no_loader_opens_does_not_stay(get, market, folder, tmp_path, name, content):
    (tmp_path / "odd").write_bytes(content)

    with pytest.raises(FileFormatError, match="deleted"):
        get(market.publish(tmp_path / "odd", model_name="Odd"), name=name)

    assert listing(folder) == []


def test_going_on_is_only_done_with_the_same_state_of_the_file(get, publish, market, tmp_path):
    market.fault("cut", after=100_000)
    path, digests = get(publish())

    second = [request for request in market.requests if request.origin == "storage"][1]
    assert second.headers["Range"] == "bytes=100000-"
    assert second.headers["If-Range"]
    assert digests == hash_file(path)


def test_a_file_that_was_replaced_meanwhile_comes_from_its_beginning(
    get, publish, market, tmp_path
):
    lora = publish()
    cancellation = Cancellation()
    with pytest.raises(CancelledError):
        get(lora, cancellation=cancellation, report=lambda event: cancellation.cancel())
    market.fault("replaced", times=None)

    path, digests = get(lora)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)


def test_an_address_that_holds_a_secret_is_not_written_to_the_disk(get, publish, folder):
    cancellation = Cancellation()
    with pytest.raises(CancelledError):
        get(
            publish(),
            url="https://civitai.com/api/download/models/1?token=a-secret",
            cancellation=cancellation,
            report=lambda event: cancellation.cancel(),
        )

    assert len(listing(folder)) == 2
    for path in folder.iterdir():
        assert b"a-secret" not in path.read_bytes()


def test_without_anything_to_compare_by_it_starts_over(get, publish, market, monkeypatch):
    read_answer = transfer.read_answer
    monkeypatch.setattr(
        transfer,
        "read_answer",
        lambda response, source: replace(
            read_answer(response, source), validator=Validator(source)
        ),
    )
    market.fault("cut", after=100_000)

    path, digests = get(publish())

    assert ranges(market) == [None, None]
    assert digests == hash_file(path)


def test_nothing_that_exists_is_overwritten(get, publish, folder, tmp_path):
    lora = publish()
    folder.mkdir(parents=True)
    (folder / "a.safetensors").write_bytes(b"mine")

    path, _ = get(lora)

    assert path.name == f"a-{lora.sha256.lower()[:8]}.safetensors"
    assert (folder / "a.safetensors").read_bytes() == b"mine"
    assert get(lora)[0] == path  # the second time it is there already


# --- archives ------------------------------------------------------------------------------------


def archive(tmp_path, members):
    path = tmp_path / "trained.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


TAR_URL = "https://replicate.delivery/x/trained_model.tar"


def test_of_an_archive_only_the_weights_are_kept(get, publish, market, folder, tmp_path):
    publish()
    members = {"output/config.yaml": b"a: 1", "output/lora.safetensors": original(tmp_path)}
    trained = market.publish(archive(tmp_path, members), model_name="Trained")

    path, digests = get(trained, url=TAR_URL)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]


@pytest.mark.parametrize(
    "members",
    [
        {"readme.txt": b"nothing"},
        {"a.safetensors": b"x", "b.safetensors": b"y"},
        {"../../evil.safetensors": b"x"},
    ],
)
def test_an_archive_without_the_one_file_leaves_nothing(get, market, folder, tmp_path, members):
    trained = market.publish(archive(tmp_path, members), model_name="Trained")

    with pytest.raises(ArchiveError):
        get(trained, url=TAR_URL)

    assert listing(folder) == []


def test_weights_in_an_archive_are_checked_like_any_file(get, market, folder, tmp_path):
    trained = market.publish(
        archive(tmp_path, {"lora.safetensors": b"\x80\x04."}), model_name="Trained"
    )

    with pytest.raises(FileFormatError, match="pickle"):
        get(trained, url=TAR_URL)

    assert listing(folder) == []


def test_a_lock_cannot_name_what_lies_in_an_archive(downloader, publish, market, folder):
    pinned = identity(publish(), sources=(Source("civitai", TAR_URL, version_id=1),))

    with pytest.raises(DownloadError, match="archive"):
        downloader().fetch(pinned, folder / "a.safetensors")

    assert market.requests == []
    assert KEY not in str(listing(folder))
