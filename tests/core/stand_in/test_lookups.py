"""The stand-in finds by hash what Civitai would, one by one and in batches."""

from __future__ import annotations

import hashlib
import struct

import pytest
from support.stand_in_requests import BYTES, get, get_api, post_batch, safetensors


def test_a_version_is_found_by_every_kind_of_hash_in_either_case(market, publish):
    lora = publish(bytes(0x200000) + b"x")
    assert {"AutoV1", "AutoV2", "AutoV3", "SHA256", "CRC32"} <= lora.hashes.keys()

    for value in lora.hashes.values():
        for spelling in (value, value.lower()):
            status, body = get_api(market, f"/model-versions/by-hash/{spelling}")

            assert (status, body["id"]) == (200, lora.version_id)
            assert body["files"][0]["hashes"] == lora.hashes
            assert body["files"][0]["overrideName"] is None


def test_a_full_length_autov3_and_an_unknown_hash_miss(market, publish):
    content = safetensors()
    publish(content)
    (header_bytes,) = struct.unpack("<Q", content[:8])
    autov3 = hashlib.sha256(content[8 + header_bytes :]).hexdigest()

    assert get_api(market, f"/model-versions/by-hash/{autov3[:12]}")[0] == 200
    response = get(market, f"/api/v1/model-versions/by-hash/{autov3}")
    assert (response.status_code, response.json()) == (404, {"error": "Model not found"})
    assert response.headers["Cache-Control"].startswith("public, s-maxage=3600")


def test_the_earliest_version_with_a_hash_is_the_answer(market, publish):
    first = publish(BYTES)
    second = publish(BYTES)

    _, body = get_api(market, f"/model-versions/by-hash/{first.sha256}")

    assert first.sha256 == second.sha256
    assert body["id"] == first.version_id


def test_an_archived_model_is_found_by_hash_without_its_files(market, publish):
    lora = publish(archived=True)

    status, body = get_api(market, f"/model-versions/by-hash/{lora.sha256}")

    assert (status, body["files"], body["model"]["mode"]) == (200, [], "Archived")
    assert "downloadUrl" not in body


def test_an_unpublished_version_is_found_nowhere(market, publish):
    lora = publish(unpublished=True)
    version = f"/model-versions/{lora.version_id}"

    assert get_api(market, version) == (404, {"error": "Model not found"})
    assert get_api(market, f"/model-versions/by-hash/{lora.sha256}")[0] == 404
    gone = {"error": f"No model with id {lora.model_id}"}
    assert get_api(market, f"/models/{lora.model_id}") == (404, gone)
    assert post_batch(market, [lora.sha256]).json() == []


def test_a_batch_is_answered_per_file_out_of_order_and_without_misses(market, publish):
    one, two = publish(), publish()
    other = publish(in_version=one, file_type="Pruned Model", metadata={"size": "pruned"})
    wanted = [one.sha256, "0" * 64, two.sha256.lower(), other.sha256]

    bodies = post_batch(market, wanted).json()

    assert [body["id"] for body in bodies] == [one.version_id, two.version_id, one.version_id]
    assert {file["downloadUrl"].split("/api")[0] for body in bodies for file in body["files"]} == {
        "https://undefined"
    }
    expected = {(lora.version_id, lora.sha256) for lora in (one, two, other)}
    ids = post_batch(market, wanted, "by-hash/ids").json()
    assert {(hit["modelVersionId"], hit["hash"]) for hit in ids} == expected
    assert [hit["hash"] for hit in ids] == [other.sha256, two.sha256, one.sha256]


def test_a_version_without_a_primary_file_is_null_in_a_batch(market, publish):
    lora = publish(file_type="Training Data")

    assert post_batch(market, [lora.sha256]).json() == [None]
    assert get_api(market, f"/model-versions/{lora.version_id}") == (
        404,
        {"error": "Missing model file"},
    )


@pytest.mark.parametrize(
    ("route", "count", "status"),
    [
        ("by-hash", 100, 200),
        ("by-hash", 101, 400),
        ("by-hash/ids", 101, 200),
        ("by-hash/ids", 10_000, 200),
        ("by-hash/ids", 10_001, 400),
    ],
)
def test_batches_have_a_largest_size(market, route, count, status):
    assert post_batch(market, [f"{n:064X}" for n in range(count)], route).status_code == status


@pytest.mark.parametrize("body", [["ABC"], ["0" * 64, 7], {"hashes": []}, "text"])
def test_one_bad_element_refuses_the_whole_batch(market, body):
    response = post_batch(market, body)

    assert response.status_code == 400
    assert response.json()["error"].startswith("Request must include an array of SHA256 Hashes. [")
