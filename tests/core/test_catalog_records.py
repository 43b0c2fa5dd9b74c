"""What marketplaces told: kept, replaced, found by digest, never spoilt by a sidecar."""

from __future__ import annotations

from dataclasses import replace

import pytest

from satchel.catalog import Catalog
from satchel.identity import ModelIdentity, Source
from satchel.marketplaces.records import Preview, PublishedFile, PublishedVersion

SHA256, AUTOV3 = "a" * 64, "b" * 12
SOURCE = Source(
    "civitai", "https://civitai.com/api/download/models/2?fileId=3", "urn:air:x", 1, 2, 3
)
VERSION = PublishedVersion(
    source="civitai",
    model_name="Ink",
    version_name="v2",
    model_id="1",
    version_id="2",
    page_url="https://civitai.com/models/1?modelVersionId=2",
    air="urn:air:sdxl:lora:civitai:1@2",
    model_type="LORA",
    base_model="SDXL 1.0",
    author="somebody",
    description="Lines.",
    trigger_words=("inkstyle", "line art"),
    tags=("style", "ink"),
    permissions=(("allowNoCredit", True), ("allowCommercialUse", "Image, Sell")),
    nsfw_level=4,
    published_at="2026-03-02T18:30:00Z",
    status="early_access",
    early_access_until="2026-04-01T00:00:00Z",
    previews=(Preview("https://image.civitai.com/x/1.jpeg", "image", 1, 512, 768),),
    files=(
        PublishedFile(
            ModelIdentity("loras", "ink.safetensors", SHA256, None, AUTOV3, (SOURCE,)),
            "Model", "SafeTensor", "fp16", True,
            (("SHA256", SHA256), ("AutoV3", AUTOV3), ("CRC32", "12345678")),
            ("Civitai's virus scan of it is not done yet.",),
        ),
        PublishedFile(ModelIdentity("", "training.zip"), "Training Data"),
    ),
)  # fmt: skip


@pytest.fixture
def records(tmp_path):
    return Catalog(tmp_path / "catalog.sqlite3").records


def test_a_record_comes_back_as_it_went_in(records):
    records.put([VERSION])

    (known,) = records.by_digest("SHA256", SHA256.upper())

    assert known.version == VERSION
    assert known.origin == "marketplace"


@pytest.mark.parametrize(("kind", "hex_"), [("AutoV3", AUTOV3), ("CRC32", "12345678")])
def test_any_published_digest_finds_it(records, kind, hex_):
    records.put([VERSION])

    assert [known.version.version_id for known in records.by_digest(kind, hex_)] == ["2"]
    assert records.by_digest(kind, "0" * len(hex_)) == []


def test_it_is_found_by_version_and_by_model_newest_first(records):
    older = replace(VERSION, version_id="1", published_at="2025-01-01T00:00:00Z", files=())
    records.put([older, VERSION])

    assert records.by_version("civitai", "2").version == VERSION
    assert records.by_version("huggingface", "2") is None
    assert [k.version.version_id for k in records.by_model("civitai", "1")] == ["2", "1"]


def test_a_newer_record_replaces_the_old_with_all_its_parts(records):
    records.put([VERSION])
    newer = replace(VERSION, version_name="v2.1", previews=(), files=VERSION.files[1:])

    records.put([newer])

    assert records.by_version("civitai", "2").version == newer
    assert records.by_digest("SHA256", SHA256) == []


def test_what_a_short_answer_leaves_out_stays(records):
    records.put([VERSION])

    records.put([replace(VERSION, tags=(), permissions=(), author="", air="", description="")])

    assert records.by_version("civitai", "2").version == VERSION


def test_a_sidecar_never_replaces_a_marketplace_but_the_other_way_round(records):
    forged = replace(VERSION, model_name="Forged")
    records.put([forged], "sidecar")
    assert records.by_digest("SHA256", SHA256)[0].origin == "sidecar"

    records.put([VERSION])
    records.put([forged], "sidecar")

    (known,) = records.by_digest("SHA256", SHA256)
    assert (known.version.model_name, known.origin) == ("Ink", "marketplace")


def test_the_marketplaces_own_record_comes_first(records):
    records.put([replace(VERSION, version_id="9", published_at="2020-01-01T00:00:00Z")], "sidecar")
    records.put([VERSION])

    assert [k.version.version_id for k in records.by_digest("SHA256", SHA256)] == ["2", "9"]


def test_models_remember_when_they_were_checked_even_those_that_are_gone(records):
    records.put([VERSION])
    records.mark_checked("civitai", ["1", "404"], 1000.0)

    assert records.checked_at("civitai", ["1", "404", "5"]) == {"1": 1000.0, "404": 1000.0}
    assert records.by_version("civitai", "2").version == VERSION
