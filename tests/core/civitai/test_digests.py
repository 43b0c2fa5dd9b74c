"""Civitai as a marketplace: which files it knows by their digests."""

from __future__ import annotations

import pytest
from support.civitai import BATCH, answer

from satchel.catalog import Catalog
from satchel.errors import BadResponseError
from satchel.identity import Source
from satchel.marketplaces import civitai_api
from satchel.marketplaces.resolver import Resolver


def test_a_digest_finds_its_file_among_others(civitai, publish):
    first, second = publish(seed=1), publish(seed=2)
    other = publish(seed=3, in_version=first, file_type="Pruned Model")
    wanted = [other.sha256.lower(), second.sha256.lower(), "0" * 64]

    found = civitai.find_sources(wanted)

    assert found["0" * 64] == ()
    (source,) = found[other.sha256.lower()]
    assert source == Source(
        kind="civitai",
        url=f"https://civitai.com/api/download/models/{first.version_id}?fileId={other.file_id}",
        air=first.air,
        model_id=first.model_id,
        version_id=first.version_id,
        file_id=other.file_id,
    )
    assert found[second.sha256.lower()][0].version_id == second.version_id
    assert list(found) == wanted


def test_two_versions_with_the_same_bytes_are_two_sources_the_earliest_first(civitai, publish):
    first = publish(seed=1)
    second = publish("other.safetensors", seed=1)

    sources = civitai.find_sources([first.sha256.lower()])[first.sha256.lower()]

    assert [source.version_id for source in sources] == [first.version_id, second.version_id]


def test_no_digests_ask_nothing(civitai, market):
    assert civitai.find_sources([]) == {}
    assert market.requests == []


def test_of_more_than_a_hundred_digests_only_the_known_are_asked_in_full(civitai, market, publish):
    lora = publish()
    digests = [f"{number:064x}" for number in range(1, 251)] + [lora.sha256.lower()]

    found = civitai.find_sources([*digests, *digests])

    assert len(found) == 251
    assert found[lora.sha256.lower()][0].file_id == lora.file_id
    asked = [(request.method, request.path) for request in market.requests]
    assert asked == [("POST", f"{BATCH}/ids"), ("POST", BATCH)]


def test_the_list_of_known_digests_is_asked_for_in_parts_that_the_site_takes(
    civitai, market, publish, monkeypatch
):
    assert civitai_api.IDS_BATCH == 10_000  # more is refused
    monkeypatch.setattr(civitai_api, "IDS_BATCH", 120)
    lora = publish()
    digests = [f"{number:064x}" for number in range(1, 251)] + [lora.sha256.lower()]

    found = civitai.find_sources(digests)

    assert found[lora.sha256.lower()][0].file_id == lora.file_id
    assert [request.path for request in market.requests] == [f"{BATCH}/ids"] * 3 + [BATCH]


def test_known_digests_are_asked_in_hundreds_and_each_once(civitai, market, publish):
    files = [publish(f"{seed}.safetensors", seed=seed) for seed in range(101)]
    digests = [file.sha256.lower() for file in files]

    found = civitai.find_sources(digests)
    civitai.find_sources(digests)

    assert all(len(sources) == 1 for sources in found.values())
    asked = [request.path for request in market.requests]
    assert asked == [f"{BATCH}/ids", BATCH, BATCH]


def test_answers_of_an_odd_shape_find_nothing_instead_of_failing(
    civitai, market, monkeypatch, publish
):
    lora = publish()
    good = {"id": 7, "files": [{"id": 8, "hashes": {"SHA256": lora.sha256}}]}
    odd_files = [None, "x", {}, {"hashes": None}, {"hashes": []}, {"hashes": {"SHA256": None}}]
    odd = [
        None,
        "text",
        [],
        {},
        {"id": None, "files": []},
        {"id": "7", "files": good["files"]},
        {"id": 6},
        {"id": 6, "files": None},
        {"id": 6, "files": "x"},
        {"id": 6, "files": odd_files},
    ]
    answer(market, monkeypatch, [*odd, good])

    found = civitai.find_sources([lora.sha256.lower()])

    assert [source.version_id for source in found[lora.sha256.lower()]] == [7]


@pytest.mark.parametrize("body", [None, {}, "x", 5, {"items": []}])
def test_an_answer_that_is_no_list_is_a_bad_one(civitai, market, monkeypatch, body):
    answer(market, monkeypatch, body)

    with pytest.raises(BadResponseError, match="unknown shape"):
        civitai.find_sources(["0" * 64])


def test_a_fault_of_ours_is_told_with_the_sites_reason(civitai):
    with pytest.raises(BadResponseError, match=r"HTTP 400.*SHA256 Hashes"):
        civitai.find_sources(["short"])


def test_answers_are_asked_once_and_kept_in_the_catalog(settings, market, publish, tmp_path):
    lora = publish()
    wanted = [lora.sha256.lower(), "0" * 64]

    for _ in range(2):  # another process, the same catalog
        resolver = Resolver(settings, Catalog(tmp_path / "catalog.sqlite3"))
        found = resolver.look_up(wanted).sources

    assert (len(found[wanted[0]]), found[wanted[1]]) == (1, ())
    assert len(market.requests) == 1
