"""What Civitai publishes, in our shape: recorded bodies of every kind, odd ones included."""

from __future__ import annotations

import pytest
from support.civitai import recorded

from satchel.marketplaces.civitai_records import plain_text, version_of, versions_of_model
from satchel.references import CivitaiReference


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


def test_versions_of_many_digests_come_from_one_request(civitai, market):
    (file,) = versions_of_model(recorded("model_lora_simple"))[0].files
    digest = file.identity.sha256

    found = civitai.find_versions([digest, "2" * 64])

    assert {key: one.version_id for key, one in found.items()} == {digest: "1020101"}
    assert len(market.requests) == 1
