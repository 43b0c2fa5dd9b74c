"""CivArchive: mirrors of what Civitai does not serve any more, and nothing but mirrors."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.marketplace.civarchive import CivArchive as StandIn

from satchel.errors import BadResponseError, NotFoundError, UnavailableError
from satchel.identity import Source
from satchel.marketplaces.civarchive import CivArchive
from satchel.progress import Cancellation
from satchel.references import ArchiveReference, CivitaiReference, DigestReference
from satchel.settings import Settings, SourceSettings

DATA = Path(__file__).resolve().parents[1] / "data" / "marketplace" / "civarchive.json"
LOST = "fadbddf17bcffcb72902b49e1b299e510dd29e3f6c34e5cca087881cad05f456"
FILES_ONLY = "7af7d5e4c164a7a513b744d6f73821410c79a8c6a4a2c66490a2e11a307f3a3c"
LEGACY_FILES_ONLY = "5a00c4b0fc14196104a88a714da121d494edd633c6c83a952aaffcd536c02006"
MIRROR = "https://huggingface.co/archive-user/loras/resolve/main/puzzlebox_v1.safetensors"


class Patient(Cancellation):
    def wait(self, seconds: float) -> None:
        self.check()


@pytest.fixture
def site():
    stand_in = StandIn()
    stand_in.listener.start()
    stand_in.load_fixtures(DATA)
    yield stand_in
    stand_in.listener.close()
    assert stand_in.listener.errors == []


@pytest.fixture
def archive(site):
    return CivArchive(Settings({"civarchive": SourceSettings(site.url, "a-token")}), Patient())


@pytest.mark.parametrize("legacy", [False, True])
def test_the_mirrors_of_a_digest_are_those_on_known_hosts_that_still_exist(archive, site, legacy):
    """Not the tombstone on Civitai, and not the paid mirror of another site."""
    site.legacy_only = legacy

    assert archive.find_sources([LOST]) == {LOST: (Source("huggingface", MIRROR),)}


@pytest.mark.parametrize(
    ("url", "fields", "kinds"),
    [
        ("https://huggingface.co/x/y/resolve/main/z.safetensors", {}, ["huggingface"]),
        ("https://www.modelscope.cn/models/x/y/resolve/master/z.sft", {}, ["modelscope"]),
        ("https://huggingface.co/x/y/resolve/main/z.sft", {"is_gated": True}, ["huggingface"]),
        ("https://huggingface.co/x/y/resolve/main/z.sft", {"is_paid": True}, []),
        ("https://huggingface.co/x/y/resolve/main/z.sft", {"deleted_at": "2024-11-02"}, []),
        ("https://huggingface.co/x/y/resolve/main/z.sft", {"deletedAt": "2024-11-02"}, []),
        ("https://civitai.com/api/download/models/1020301", {}, []),
        ("https://civitai.red/api/download/models/1020301", {}, []),
        ("/tensorfiles/abc", {}, []),
        ("https://civarchive.com/tensorfiles/abc", {}, []),
        ("https://tensor.art/models/88112299", {}, []),
        ("http://huggingface.co/x/y/resolve/main/z.sft", {}, []),
        ("https://huggingface.co.evil.example/x/y/resolve/main/z.sft", {}, []),
        ("https://evil.example/?x=huggingface.co", {}, []),
        ("https://[::1/z.sft", {}, []),
        ("javascript:alert(1)", {}, []),
        (None, {}, []),
    ],
)
def test_a_mirror_counts_if_somebody_known_serves_it(archive, site, url, fields, kinds):
    digest = "1" * 64
    site.mirror(digest, url, **fields)

    assert [source.kind for source in archive.find_sources([digest])[digest]] == kinds


def test_a_secret_in_a_mirrors_address_is_dropped(archive, site):
    site.mirror("1" * 64, "https://huggingface.co/x/y/resolve/main/z.sft?token=abc")

    (source,) = archive.find_sources(["1" * 64])["1" * 64]

    assert source.url == "https://huggingface.co/x/y/resolve/main/z.sft"


@pytest.mark.parametrize("legacy", [False, True])
def test_a_miss_is_no_error_in_either_api(archive, site, legacy):
    site.legacy_only = legacy

    assert archive.find_sources(["2" * 64]) == {"2" * 64: ()}
    assert archive.find_version(DigestReference("SHA256", "2" * 64)) is None


def test_no_key_is_ever_sent(archive, site):
    archive.find_sources([LOST])

    assert [name for name in site.requests[0].headers if name in ("Authorization", "Cookie")] == []
    assert archive.check_token() == "unset"


@pytest.mark.parametrize("legacy", [False, True])
def test_a_lost_version_is_told_with_its_words_and_its_file(archive, site, legacy):
    site.legacy_only = legacy

    version = archive.find_version(DigestReference("SHA256", LOST))

    assert (version.model_name, version.base_model) == ("Puzzle Box Style", "SD 1.5")
    assert (version.trigger_words, version.status) == (("pzlbox",), "archived")
    assert version.page_url == "https://civarchive.com/models/910003?modelVersionId=1020301"
    (file,) = version.files
    assert (file.identity.kind, file.identity.name) == ("loras", "puzzlebox_v1.safetensors")
    assert file.identity.sources == (Source("huggingface", MIRROR),)
    assert file.warnings


def test_only_a_sha256_is_looked_up(archive, site):
    assert archive.find_version(DigestReference("AutoV3", "06731933f0bd")) is None
    assert site.requests == []


@pytest.mark.parametrize(
    ("digest", "legacy", "name"),
    [(FILES_ONLY, False, "puzzlebox_v1.safetensors"), (LEGACY_FILES_ONLY, True, "z.safetensors")],
)
def test_a_digest_with_nothing_but_files_is_a_version_too(archive, site, digest, legacy, name):
    site.legacy_only = legacy

    version = archive.find_version(DigestReference("SHA256", digest))

    assert version.page_url == f"https://civarchive.com/sha256/{digest}"
    (file,) = version.files
    assert (file.identity.name, file.identity.sha256, file.identity.kind) == (name, digest, "")


def test_a_page_is_its_version_and_its_one_file_that_is_mirrored(archive):
    reference = ArchiveReference(None, "civitai", "910003")

    versions = archive.versions(reference)

    assert archive.knows(reference)
    assert not archive.knows(CivitaiReference(910003))
    assert archive.choose(versions, reference).identity.sha256 == LOST
    by_digest = ArchiveReference(LOST)
    assert archive.choose(archive.versions(by_digest), by_digest).identity.sha256 == LOST


def test_what_is_not_there_or_not_mirrored_is_told(archive, site):
    with pytest.raises(NotFoundError, match="does not have it"):
        archive.versions(ArchiveReference(None, "civitai", "1"))
    with pytest.raises(NotFoundError, match="does not have it"):
        archive.versions(ArchiveReference("3" * 64))
    file = {"id": "1", "name": "a.safetensors", "sha256": LOST, "mirrors": []}
    model = {"id": "2", "name": "Ink", "version": {"id": "3", "files": [file]}}
    site.answer("/api/v1/civitai/models/2", model)
    reference = ArchiveReference(None, "civitai", "2")
    with pytest.raises(NotFoundError, match="no mirror of it that Satchel fetches from"):
        archive.choose(archive.versions(reference), reference)


def test_it_serves_no_file_itself(archive):
    source = Source("civarchive", "https://civarchive.com/x")

    assert archive.availability([(source, LOST)])[0].access == "gone"
    with pytest.raises(NotFoundError, match="serves no files"):
        archive.open_download(source, {})


@pytest.mark.parametrize(("status", "error"), [(502, UnavailableError), (403, BadResponseError)])
def test_a_refusal_is_told(archive, site, status, error):
    site.fails_with = status

    with pytest.raises(error, match=f"HTTP {status}"):
        archive.find_sources([LOST])


@pytest.mark.parametrize(
    "body", [None, [], "x", 7, {"files": "x", "models": [None, {"version": 3}]}]
)
def test_an_answer_of_an_odd_shape_finds_nothing(archive, site, body):
    site.answer(f"/api/v1/sha256/{LOST}", body)

    assert archive.find_sources([LOST]) == {LOST: ()}
    assert archive.find_version(DigestReference("SHA256", LOST)) is None
