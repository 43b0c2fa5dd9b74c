"""Which file of those that Civitai publishes is meant, and which one belongs to it."""

from __future__ import annotations

import pytest
from support.civitai import recorded
from support.models import write_safetensors

from satchel.errors import AmbiguousReferenceError, GoneError, NotFoundError
from satchel.identity import Source
from satchel.marketplaces.civitai_records import versions_of_model
from satchel.references import CivitaiReference, DigestReference


def chosen(civitai, reference):
    return civitai.choose(civitai.versions(reference), reference)


# --- which file is meant -------------------------------------------------------------------------


def test_a_version_means_its_primary_file_and_a_file_id_that_file(civitai):
    primary = chosen(civitai, CivitaiReference(910002, 1020201))
    vae = chosen(civitai, CivitaiReference(910002, 1020201, 871900))

    assert primary.identity.sources[0].file_id == 880201
    assert (vae.identity.kind, vae.identity.name) == ("vae", "sdxl_vae_fix.safetensors")
    with pytest.raises(NotFoundError, match="no such file"):
        chosen(civitai, CivitaiReference(910002, 1020201, 1))


def test_a_page_with_one_version_means_it_and_one_with_several_asks(civitai):
    assert chosen(civitai, CivitaiReference(910002)).identity.sources[0].version_id == 1020201
    with pytest.raises(AmbiguousReferenceError, match="2 files") as caught:
        chosen(civitai, CivitaiReference(910001))

    assert [url.rpartition("=")[2] for url in caught.value.details["files"]] == ["880101", "880100"]
    assert "Ink Wash Lines" in caught.value.hint


def test_a_pair_of_high_and_low_noise_asks_which_half(civitai):
    with pytest.raises(AmbiguousReferenceError, match="two halves of a pair") as caught:
        chosen(civitai, CivitaiReference(910010, 1021001))

    assert "dollyZoom_high_noise.safetensors" in caught.value.hint
    low = chosen(civitai, CivitaiReference(910010, 1021001, 881002))
    assert low.identity.name == "dollyZoom_low_noise.safetensors"


def test_an_archived_page_says_so_and_an_empty_one_has_nothing(civitai):
    with pytest.raises(GoneError, match="archived"):
        chosen(civitai, CivitaiReference(910003))
    with pytest.raises(NotFoundError, match="no such file"):
        chosen(civitai, CivitaiReference(910005))


@pytest.mark.parametrize("kind", ["SHA256", "AutoV1", "AutoV2", "AutoV3", "BLAKE3", "CRC32"])
def test_a_digest_of_any_kind_finds_the_version_and_its_sha256(civitai, kind):
    (file,) = versions_of_model(recorded("model_lora_simple"))[0].files
    digest = dict(file.digests)[kind]

    version = civitai.find_version(DigestReference(kind, digest))

    assert version.version_id == "1020101"
    assert version.files[0].identity.sha256 == file.identity.sha256


# --- a VAE of another version --------------------------------------------------------------------


def test_a_linked_vae_is_fetched_by_its_type(civitai, market, tmp_path, monkeypatch):
    lora = market.publish(
        write_safetensors(tmp_path / "a.safetensors", seed=1), model_name="A", type="Checkpoint"
    )
    vae = market.publish(
        write_safetensors(tmp_path / "b.safetensors", seed=2), model_name="B",
        in_version=lora, file_type="VAE",
    )  # fmt: skip
    market.fault("status", status=404)  # what a file id of another version gets
    source = Source("civitai", "https://civitai.com/", version_id=lora.version_id,
                    file_id=vae.file_id)  # fmt: skip

    with civitai.open_download(source, {}) as response:
        assert response.raw.read() == (tmp_path / "b.safetensors").read_bytes()


def test_another_missing_file_is_not_replaced_by_a_vae(civitai, market, tmp_path):
    lora = market.publish(write_safetensors(tmp_path / "a.safetensors"), model_name="A")
    market.fault("status", status=404)
    source = Source("civitai", "https://civitai.com/", version_id=lora.version_id,
                    file_id=lora.file_id)  # fmt: skip

    with pytest.raises(NotFoundError, match="any more"):
        civitai.open_download(source, {})
