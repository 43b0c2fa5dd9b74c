"""What Civitai publishes, in our shape: recorded bodies of every kind, odd ones included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.marketplace import Marketplace
from support.marketplace.messages import json_reply
from support.models import write_safetensors
from support.workspaces import sources_of

from satchel.errors import AmbiguousReferenceError, GoneError, NotFoundError
from satchel.identity import Source
from satchel.marketplaces.civitai import Civitai
from satchel.marketplaces.civitai_records import plain_text, version_of, versions_of_model
from satchel.marketplaces.records import SearchQuery
from satchel.references import CivitaiReference, DigestReference
from satchel.settings import Settings, origin_of

DATA = Path(__file__).resolve().parents[1] / "data" / "marketplace"


def recorded(name):
    return json.loads((DATA / f"civitai_{name}.json").read_text("utf-8"))


@pytest.fixture
def market():
    with Marketplace() as market:
        market.load_fixtures(DATA)
        yield market


@pytest.fixture
def civitai(market):
    origins = frozenset({origin_of(market.storage_url)})
    return Civitai(Settings(sources_of(market), trusted_origins=origins))


def chosen(civitai, reference):
    return civitai.choose(civitai.versions(reference), reference)


# --- what is published ---------------------------------------------------------------------------


def test_a_version_is_told_whole_with_what_only_its_model_says(civitai):
    (version,) = civitai.versions(CivitaiReference(910001, 1020101))

    assert (version.source, version.model_id, version.version_id) == (
        "civitai", "910001", "1020101",
    )  # fmt: skip
    assert version.page_url == "https://civitai.com/models/910001?modelVersionId=1020101"
    assert version.air == "urn:air:sdxl:lora:civitai:910001@1020101"
    assert (version.model_type, version.base_model) == ("LORA", "Illustrious")
    assert (version.author, version.status) == ("brushfox", "open")
    assert version.tags
    assert version.trigger_words
    assert dict(version.permissions) == {
        "allowNoCredit": True,
        "allowDerivatives": True,
        "allowDifferentLicense": False,
        "allowCommercialUse": "Image, RentCivit",
    }
    assert all(preview.url.startswith("https://") for preview in version.previews)
    (file,) = version.files
    assert (file.primary, file.format, file.file_type) == (True, "SafeTensor", "Model")
    assert {kind for kind, _ in file.digests} == {
        "SHA256", "AutoV1", "AutoV2", "AutoV3", "BLAKE3", "CRC32",
    }  # fmt: skip
    assert file.identity.kind == "loras"
    assert file.identity.sha256 == dict(file.digests)["SHA256"]


def test_a_version_whose_model_is_not_there_is_told_without_it(civitai, market):
    market.fault("status", status=404, match="/api/v1/models/", times=None)

    (version,) = civitai.versions(CivitaiReference(None, 1020101))

    assert (version.model_name, version.author) == ("Ink Wash Lines", "")


def test_the_files_of_a_checkpoint_go_where_each_belongs():
    (version,) = versions_of_model(recorded("model_checkpoint_many_files"))

    kinds = {file.identity.sources[0].file_id: file.identity.kind for file in version.files}
    assert kinds == {
        880201: "checkpoints",
        880202: "checkpoints",
        880203: "checkpoints",
        880204: "checkpoints",
        880205: "diffusion_models",  # GGUF
        880206: "",  # Config
        880207: "",  # Training Data
        871900: "vae",
    }
    precisions = {file.identity.sources[0].file_id: file.precision for file in version.files}
    assert (precisions[880203], precisions[880205]) == ("fp8", "Q8_0")
    assert version.files[0].primary


def test_a_failed_scan_is_a_warning():
    (version,) = versions_of_model(recorded("model_checkpoint_many_files"))
    (ckpt,) = [file for file in version.files if file.identity.name.endswith(".ckpt")]

    assert ckpt.warnings == (
        "Civitai's pickle scan found a danger in it: **Dangerous import detected** -"
        " `__builtin__.eval`",
    )
    (fresh, failed, fine) = versions_of_model(recorded("model_missing_hashes_null_stats"))[0].files
    assert [text.split(" of ")[-1] for text in fresh.warnings] == ["it is not done yet."] * 2
    assert len(failed.warnings) == 2
    assert fine.warnings == ()


def test_missing_and_null_facts_are_empty_ones():
    (version,) = versions_of_model(recorded("model_missing_hashes_null_stats"))

    assert (version.base_model, version.author) == ("Some Future Base 9000", "")
    assert (version.trigger_words, version.previews) == ((), ())
    assert version.files[0].digests == ()
    assert version.files[0].identity.sha256 is None
    assert version.files[2].digests == (("AutoV3", "0747ec531d35"), ("CRC32", "35aaaf5b"))


@pytest.mark.parametrize(
    ("name", "status", "until"),
    [
        ("version_archived", "archived", ""),
        ("version_early_access", "early_access", "2026-12-31T23:59:59.000Z"),
        ("version_trained_generation_only", "generation_only", ""),
        ("version_diffusionmodel_flux", "open", ""),
    ],
)
def test_a_version_has_a_status(name, status, until):
    version = version_of(recorded(name), {})

    assert (version.status, version.early_access_until) == (status, until)


def test_a_model_that_is_archived_or_taken_down_says_so():
    (archived,) = versions_of_model(recorded("model_archived"))
    (taken_down,) = versions_of_model(recorded("model_taken_down"))

    assert (archived.status, archived.files) == ("archived", ())
    assert (taken_down.status, taken_down.previews, len(taken_down.files)) == ("taken_down", (), 1)


def test_a_checkpoint_whose_primary_file_is_a_diffusion_model_goes_there():
    version = version_of(recorded("version_diffusionmodel_flux"), {})

    assert version.air.startswith("urn:air:flux1:diffusionmodel:")
    assert version.files[0].identity.kind == "diffusion_models"
    assert {"text_encoders", "vae"} <= {file.identity.kind for file in version.files}


OLD = {
    "id": 4, "name": "Old", "type": "LORA", "nsfw": True,
    "allowCommercialUse": "{Image,RentCivit}", "tags": [{"name": "ink"}, {"id": 1}, None],
    "modelVersions": [{
        "id": 5, "name": "v1", "baseModel": "SD 1.5", "earlyAccessEndsAt": "2999-01-01T00:00:00Z",
        "images": [
            {"url": "https://image.civitai.com/a", "nsfw": "Mature", "type": "image"},
            {"url": "javascript:alert(1)"}, {"url": "https://image.civitai.com/b", "type": "audio"},
        ],
        "files": [{
            "id": 6, "name": "old.safetensors", "type": "Model", "primary": True,
            "metadata": {"fp": None, "format": None},
            "hashes": {"AutoV3": "AB" * 32, "SHA256": "x"},
        }],
    }],
}  # fmt: skip


def test_bodies_of_2023_are_read_too():
    (version,) = versions_of_model(OLD)

    assert dict(version.permissions) == {"allowCommercialUse": "Image, RentCivit"}
    assert (version.tags, version.nsfw_level, version.status) == (("ink",), 16, "early_access")
    assert [(one.url[-1], one.nsfw_level) for one in version.previews] == [("a", 4)]
    assert version.files[0].digests == (("AutoV3", "ab" * 6),)


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [[]], [None], {"a": {}}, True, -1, 1e300])
def test_no_value_in_no_place_crashes(odd):
    """Every field of a version, its files and its model in turn is something else."""
    model = recorded("model_lora_simple")
    version, file = model["modelVersions"][0], model["modelVersions"][0]["files"][0]
    for table in (model, version, file, version["images"][0]):
        for key, value in list(table.items()):
            table[key] = odd
            for one in versions_of_model(model):
                assert one.source == "civitai"
            table[key] = value


def test_a_description_is_text_without_its_markup():
    marked = (
        "<p>Ink &amp; wash</p><script>alert(1)</script><ul><li>A</li><li>B<br/>C</li></ul>"
        "<img src=x onerror=alert(1)>&lt;b&gt;"
    )

    assert plain_text(marked) == "Ink & wash\nA\nB\nC\n<b>"
    assert len(plain_text("x" * 10**6)) == 20_000


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


# --- images --------------------------------------------------------------------------------------

IMAGE = {"id": 7, "url": "https://image.civitai.com/x", "meta": {"prompt": "ink"}}


@pytest.mark.parametrize(
    "facts",
    [
        {"modelVersionIds": [1020101, 1020201]},
        {"meta": {"civitaiResources": [{"modelVersionId": 1020201}, {"modelVersionId": 1020101}]}},
        {"meta": {"meta": {"modelVersionIds": [1020101, 1020201, "x", None]}}},
        {"meta": {"hashes": {"model": "4d790b7b27"}, "resources": [{"hash": "8A6C55EBD3"}, {}]}},
    ],
)
def test_an_image_names_the_models_that_made_it(civitai, market, facts):
    market.catalogue.images[7] = {**IMAGE, **facts}

    versions = civitai.versions(CivitaiReference(image_id=7))

    assert [version.version_id for version in versions] == ["1020201", "1020101"]


def test_an_image_without_facts_means_nothing_and_an_unknown_one_is_not_found(civitai, market):
    market.catalogue.images[7] = IMAGE

    assert civitai.versions(CivitaiReference(image_id=7)) == ()
    with pytest.raises(NotFoundError, match="this image"):
        civitai.versions(CivitaiReference(image_id=8))


# --- search --------------------------------------------------------------------------------------


def search(civitai, **fields):
    return [
        (one.model_name, one.base_model) for one in civitai.search(SearchQuery(**fields)).versions
    ]


def test_a_search_finds_by_words_kinds_base_models_and_author(civitai):
    assert search(civitai, text="ink") == [("Ink Wash Lines", "Illustrious")]
    assert search(civitai, text="ink", base_models=("SDXL 1.0",)) == [
        ("Ink Wash Lines", "SDXL 1.0")
    ]
    assert search(civitai, text="i", kinds=("vae",)) == []
    assert search(civitai, text="unscanned", kinds=("loras",)) == [
        ("Unscanned Thing", "Some Future Base 9000")
    ]
    assert search(civitai, author="nobody") == []
    assert ("Dolly Zoom (High + Low)", "Wan Video 2.2 I2V-A14B") in search(civitai, tags=("video",))


def test_parts_of_checkpoints_are_found_by_their_folder(civitai):
    assert search(civitai, text="quiet", kinds=("text_encoders",)) == [("Quiet Harbor", "Flux.1 D")]
    assert search(civitai, text="ink", kinds=("diffusion_models",)) == []


def test_a_kind_that_the_site_has_no_word_for_finds_nothing_instead_of_everything(civitai, market):
    assert search(civitai, text="ink", kinds=("audio_encoders",)) == []
    assert market.requests == []


def test_pages_follow_each_other_and_empty_ones_are_skipped(civitai, market, tmp_path):
    hidden = [write_safetensors(tmp_path / f"{n}.safetensors", seed=n) for n in range(3)]
    for path in hidden:
        market.publish(path, model_name="Ink hidden", nsfw=True)
    shown = market.publish(hidden[0], model_name="Ink shown")

    first = civitai.search(SearchQuery("ink", limit=1))
    second = civitai.search(SearchQuery("ink", limit=1, cursor=first.cursor))

    assert first.versions[0].model_name == "Ink Wash Lines"
    assert [one.model_id for one in second.versions] == [str(shown.model_id)]
    assert second.cursor == ""
    nsfw = civitai.search(SearchQuery("ink", limit=1, cursor=first.cursor, nsfw=True))
    assert nsfw.versions[0].model_name == "Ink hidden"


def test_a_search_of_empty_pages_hands_on_after_some(civitai, market):
    reply = {"items": [], "metadata": {"nextCursor": "88|900412"}}
    market.fault("recorded", times=None, reply=json_reply(200, reply))

    page = civitai.search(SearchQuery("ink"))

    assert (page.versions, page.cursor) == ((), "")  # a cursor that does not move is no next page
    assert len(market.requests) == 2


def test_models_are_listed_by_ids_a_hundred_to_a_request(civitai, market):
    found = civitai.versions_of_models(["910001", "910003", "910008", "x", *map(str, range(150))])

    assert set(found) == {"910001", "910003", "910008"}
    assert len(found["910001"]) == 2
    assert found["910003"][0].status == "archived"
    assert len(market.requests) == 2


def test_short_pages_of_a_list_by_ids_are_followed(civitai, market):
    page = {"items": [], "metadata": {"nextCursor": "9|0"}}
    market.fault("recorded", times=2, reply=json_reply(200, page))

    assert set(civitai.versions_of_models(["910001"])) == {"910001"}
    assert [request.query.get("cursor") for request in market.requests] == [
        None, ("9|0",), ("9|0",),
    ]  # fmt: skip


def test_versions_of_many_digests_come_from_one_request(civitai, market):
    (file,) = versions_of_model(recorded("model_lora_simple"))[0].files
    digest = file.identity.sha256

    found = civitai.find_versions([digest, "2" * 64])

    assert {key: one.version_id for key, one in found.items()} == {digest: "1020101"}
    assert len(market.requests) == 1


def test_the_words_of_the_site_are_asked_from_it(civitai):
    assert "Illustrious" in civitai.base_models()
    assert len(civitai.base_models()) > 50


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
