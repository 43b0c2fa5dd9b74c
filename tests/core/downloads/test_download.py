"""Downloads: what arrives is what was asked for, or nothing."""

from __future__ import annotations

import pytest
from support.downloads import listing, original, rangeless, ranges, source_of
from support.models import write_safetensors

from satchel.errors import DownloadError, FileFormatError, HashMismatchError, SizeMismatchError
from satchel.folders import open_folders
from satchel.hashes import hash_file
from satchel.settings import origin_of

# --- when all is well ----------------------------------------------------------------------------


def test_a_model_arrives_with_its_digests_and_nothing_else(fetch, publish, folder, tmp_path):
    seen = []

    path, digests = fetch(publish(), report=seen.append)

    assert path == folder / "a.safetensors"
    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]
    assert [event.done for event in seen] == sorted(event.done for event in seen)
    size = path.stat().st_size
    assert (seen[-1].state, seen[-1].name) == ("downloading", "a.safetensors")
    assert (seen[-1].done, seen[-1].total) == (size, size)


def test_folders_of_the_name_are_made(fetch, publish, folder):
    path, _ = fetch(publish(), name="style/水墨 [v1].safetensors")

    assert listing(folder) == ["style", "style/水墨 [v1].safetensors"]
    assert path.is_file()


def test_without_a_known_size_the_digest_still_decides(fetch, publish, folder, tmp_path):
    seen = []

    path, digests = fetch(publish(), size=None, report=seen.append)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert seen[-1].total == digests.size


@pytest.mark.parametrize("name", ["a.ckpt", "a.pt"])
def test_formats_without_a_header_are_only_hashed(fetch, market, tmp_path, name):
    source = tmp_path / name
    source.write_bytes(b"\x80\x04.")

    path, _ = fetch(
        market.publish(source, model_name="Old"), name=name, settings={"allow_pickle": True}
    )

    assert path.read_bytes() == b"\x80\x04."


# --- what must not arrive ------------------------------------------------------------------------


def test_a_mismatched_hash_leaves_no_file_that_a_loader_lists(
    fetch, publish, market, folder, tmp_path
):
    lora = publish()
    market.fault("wrong_bytes", times=None)

    with pytest.raises(HashMismatchError) as caught:
        fetch(lora)

    error = caught.value
    aside = folder / f".satchel-{lora.sha256.lower()[:24]}.quarantine"
    assert listing(folder) == [aside.name]
    assert aside.read_bytes() == bytes(255 - value for value in original(tmp_path))
    assert not list(open_folders(folder.parent).files())
    assert error.details["quarantine"] == str(aside)
    assert aside.name in str(error)
    assert error.details["expected"] == lora.sha256.lower()
    assert error.details["actual"] not in ("", error.details["expected"])
    for digest in (error.details["expected"], error.details["actual"]):
        assert digest in str(error)
    assert error.details["source"] == source_of(lora).url
    assert len(ranges(market)) == 1


def test_what_was_set_aside_goes_when_the_right_file_comes(fetch, publish, market, folder):
    lora = publish()
    market.fault("wrong_bytes")
    with pytest.raises(HashMismatchError):
        fetch(lora)

    fetch(lora)

    assert listing(folder) == ["a.safetensors"]


def test_a_lock_with_a_wrong_hash_leaves_no_file(fetch, publish, folder):
    lora = publish()

    with pytest.raises(HashMismatchError) as caught:
        fetch(lora, sha256="0" * 64)

    assert caught.value.details["actual"] == lora.sha256.lower()
    assert listing(folder) == [f".satchel-{'0' * 24}.quarantine"]


@pytest.mark.parametrize("by", [-1, 1, 5_000_000])
def test_a_wrong_length_leaves_no_file(fetch, publish, market, folder, by):
    lora = publish()
    market.fault("wrong_length", times=None, by=by)

    with pytest.raises(SizeMismatchError) as caught:
        fetch(lora)

    assert caught.value.details["expected"] == lora.size
    assert caught.value.details["actual"] == lora.size + by
    assert listing(folder) == []


def test_an_endless_body_without_a_length_is_stopped(fetch, publish, market, folder, tmp_path):
    lora = publish()
    with rangeless(original(tmp_path) + bytes(3 << 20), [], length="x") as url:
        market.fault("redirect", times=None, location=f"{url}/a")

        with pytest.raises(SizeMismatchError):
            fetch(lora, settings={"trusted_origins": frozenset({origin_of(url)})})

    assert listing(folder) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.safetensors", b"\x80\x04 no safetensors at all"),
        ("a.safetensors", b"\x10\0\0\0\0\0\0\0{}"),
        ("a.safetensors", b""),
        ("a.sft", b"GGUF"),
        ("a.gguf", b"PK\x03\x04 a zip"),
        ("a.gguf", b"GG"),
        ("a.gguf", b"GGUF\x03\0\0\0"),
        ("a.gguf", b"GGUF\x09\0\0\0" + bytes(16)),
        ("a.gguf", b"GGUF\x03\0\0\0" + b"\xff" * 16),
        ("a.safetensors", b"<!DOCTYPE html><html></html>"),
        ("a.safetensors", b"GGUF\x03\0\0\0" + bytes(16)),
    ],
)
def test_a_file_that_no_loader_opens_is_deleted_though_its_hash_is_right(
    fetch, market, folder, tmp_path, name, content
):
    source = tmp_path / f"garbage-{name}"
    source.write_bytes(content)
    lora = market.publish(source, model_name="Trap")

    with pytest.raises(FileFormatError, match="deleted") as caught:
        fetch(lora, name=name)

    assert name in str(caught.value)
    assert listing(folder) == []


def test_a_gguf_that_is_one_arrives(fetch, market, tmp_path):
    (tmp_path / "b.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(16))

    path, _ = fetch(market.publish(tmp_path / "b.gguf", model_name="Small"), name="a.gguf")

    assert path.read_bytes().startswith(b"GGUF")


def test_a_model_without_a_digest_is_not_fetched(fetch, publish, market, folder):
    with pytest.raises(DownloadError, match="no SHA256"):
        fetch(publish(), sha256=None)

    assert market.requests == []
    assert not folder.exists()


def test_nothing_that_exists_is_overwritten(fetch, publish, folder, tmp_path):
    lora = publish()
    mine = write_safetensors(folder / "a.safetensors", seed=9)
    other_part = folder / ".satchel-ffffffffffffffffffffffff.part"
    other_part.write_bytes(b"another download")
    before = mine.read_bytes()

    path, _ = fetch(lora)

    beside = f"a-{lora.sha256.lower()[:8]}.safetensors"
    assert path == folder / beside
    assert path.read_bytes() == original(tmp_path)
    assert mine.read_bytes() == before
    assert other_part.read_bytes() == b"another download"
    assert listing(folder) == sorted([other_part.name, "a.safetensors", beside])


def test_when_both_names_are_taken_nothing_is_lost(fetch, publish, folder, market, tmp_path):
    lora = publish()
    mine = write_safetensors(folder / "a.safetensors", seed=9)
    beside = write_safetensors(folder / f"a-{lora.sha256.lower()[:8]}.safetensors", seed=8)
    before = mine.read_bytes(), beside.read_bytes()

    with pytest.raises(DownloadError, match="both exist"):
        fetch(lora)
    assert (mine.read_bytes(), beside.read_bytes()) == before

    mine.unlink()
    market.clear_requests()
    path, _ = fetch(lora)
    assert path.read_bytes() == original(tmp_path)
    assert market.requests == []  # what had arrived was kept
