"""Local files become known from a marketplace, and learn of newer versions; asked in batches."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.catalog.notes import Note
from satchel.enrich import enrich
from satchel.examine import examine_all
from satchel.model_info import model_info
from satchel.scan import scan
from satchel.settings import Settings
from satchel.updates import check_scheduled, check_updates, known_updates


@pytest.fixture
def market():
    with Marketplace() as running:
        yield running


@pytest.fixture
def space(tmp_path, market):
    return make_workspace(tmp_path, market)


@pytest.fixture
def ink(tmp_path):
    return write_safetensors(tmp_path / "models/loras/ink.safetensors", seed=1)


def hashed(space):
    models = scan(space.folders, space.catalog).models
    examine_all(models, space.catalog)
    return models


def asked(market):
    return [(request.method, request.path) for request in market.requests]


def test_a_file_becomes_known_with_licence_tags_and_words(space, market, ink):
    published = market.publish(
        ink, model_name="Ink", base_model="SDXL 1.0", trained_words=["inkstyle"], nsfw=True
    )
    models = hashed(space)

    assert enrich(models, space).found == 1

    market.stop()  # from here on nobody answers
    (info,) = model_info(models, space.catalog)
    assert info.identified == "bytes"
    assert info.version.version_id == str(published.version_id)
    assert info.version.air.endswith(f":{published.model_id}@{published.version_id}")
    assert (info.base_model, info.trigger_words) == ("SDXL 1.0", ("inkstyle",))
    assert "allowNoCredit" in dict(info.version.permissions)
    value = json.loads(json.dumps(info.to_json()))
    assert (value["model"], value["identified"]) == ("Ink", "bytes")
    assert value["nsfw_level"] == 28


def test_many_files_are_asked_about_in_two_requests_and_never_twice(space, market, tmp_path):
    for number in range(40):
        path = write_safetensors(tmp_path / f"models/loras/{number}.safetensors", seed=number)
        market.publish(path, model_name=f"Model {number}")
    models = hashed(space)

    assert enrich(models, space).found == 40
    assert asked(market) == [("POST", "/api/v1/model-versions/by-hash"), ("GET", "/api/v1/models")]
    market.clear_requests()
    assert enrich(models, space).asked == 0
    assert asked(market) == []


def test_a_miss_is_asked_by_its_tensors_and_then_left_alone(space, market, ink, tmp_path):
    twin = write_safetensors(tmp_path / "twin.safetensors", seed=1, metadata={"title": "edited"})
    market.publish(twin, model_name="Twin")
    write_safetensors(tmp_path / "models/loras/private.safetensors", seed=2)
    models = hashed(space)

    result = enrich(models, space)

    assert (result.asked, result.found) == (2, 1)
    infos = {info.model.name: info for info in model_info(models, space.catalog)}
    assert infos["ink.safetensors"].identified == "tensors"
    assert infos["ink.safetensors"].version.model_name == "Twin"
    assert infos["private.safetensors"].identified == "no"
    market.clear_requests()
    enrich(models, space)
    assert asked(market) == []


def test_the_lock_needs_no_further_request_for_what_is_known(space, market, ink):
    market.publish(ink, model_name="Ink")
    models = hashed(space)
    enrich(models, space)
    market.stop()

    (digests,) = space.catalog.files.digests(models).values()
    assert space.resolver().look_up([digests.sha256]).sources[digests.sha256][0].version_id


def test_a_marketplace_that_fails_is_a_sentence(space, market, ink):
    market.publish(ink, model_name="Ink")
    models = hashed(space)
    market.fault("region_451", times=None)

    result = enrich(models, space)

    assert (result.asked, result.found) == (1, 0)
    assert len(result.failures) == 1


def test_words_are_told_apart_by_who_says_them(space, market, tmp_path):
    path = write_safetensors(
        tmp_path / "models/loras/ink.safetensors",
        metadata={"modelspec.trigger_phrase": "from header"},
    )
    market.publish(path, model_name="Ink", trained_words=["published"])
    models = hashed(space)
    enrich(models, space)
    space.catalog.notes.put(models[0], [Note(words=("mine",)), Note("webui", words=("old",))])

    (info,) = model_info(models, space.catalog)

    assert info.words_by_origin() == [
        ("user", ("mine",)),
        ("civitai", ("published",)),
        ("header", ("from header",)),
        ("webui", ("old",)),
    ]


@pytest.fixture
def versions(market, ink, tmp_path):
    """Ink, whose newer versions are not here: v2 for the same base model, v3 for another."""
    first = market.publish(ink, model_name="Ink", version_name="v1", base_model="SDXL 1.0")
    for number, base in ((2, "SDXL 1.0"), (3, "Flux.1 D")):
        market.publish(
            write_safetensors(tmp_path / f"v{number}.safetensors", seed=number),
            model_name="Ink", version_name=f"v{number}", base_model=base, in_model=first,
        )  # fmt: skip
    return first


def test_newer_versions_are_told_those_for_the_same_base_model_first(space, versions):
    models = hashed(space)
    enrich(models, space)

    found = check_updates(models, space)

    (update,) = found.updates
    assert found.checked == 1
    assert update.here.version_name == "v1"
    assert [version.version_name for version in update.newer] == ["v2", "v3"]
    assert update.same_base_model
    assert json.loads(json.dumps(found.to_json()))["updates"][0]["newer"][0]["version"] == "v2"


def test_a_version_that_is_here_already_is_no_update(space, versions, tmp_path):
    for number in (2, 3):
        (tmp_path / f"v{number}.safetensors").rename(
            tmp_path / f"models/loras/v{number}.safetensors"
        )
    models = hashed(space)
    enrich(models, space)

    assert check_updates(models, space).updates == ()


def test_answers_are_believed_for_a_while(space, market, versions):
    models = hashed(space)
    enrich(models, space)
    market.clear_requests()

    check_updates(models, space)
    assert asked(market) == []
    check_updates(models, space, max_age=0)
    assert asked(market) == [("GET", "/api/v1/models")]


def test_what_is_known_of_newer_versions_is_told_without_asking(space, market, versions):
    models = hashed(space)
    assert known_updates(models, space.catalog).stamp == ""
    enrich(models, space)
    told = check_updates(models, space)
    market.clear_requests()

    known = known_updates(models, space.catalog)

    assert (known.updates, known.stamp) == (told.updates, told.stamp)
    assert known.stamp
    assert asked(market) == []


def test_another_newer_version_makes_another_stamp(space, market, versions, tmp_path):
    models = hashed(space)
    enrich(models, space)
    before = known_updates(models, space.catalog).stamp

    (tmp_path / "v3.safetensors").rename(tmp_path / "models/loras/v3.safetensors")
    models = hashed(space)
    enrich(models, space)

    assert known_updates(models, space.catalog).stamp != before


def test_nothing_is_asked_on_a_schedule_unless_the_operator_says_so(space, market, versions):
    models = hashed(space)
    enrich(models, space)
    market.clear_requests()

    assert check_scheduled(models, space) is None
    daily = replace(space, settings=replace(space.settings, update_check_hours=24))
    assert len(check_scheduled(models, daily).updates) == 1
    assert asked(market) == []  # it was asked just now
    assert Settings.from_environment({}).update_check_hours == 0
    assert Settings.from_environment({"SATCHEL_UPDATE_CHECK_HOURS": "24"}).update_check_hours == 24


def test_without_an_answer_the_last_one_counts(space, market, versions):
    models = hashed(space)
    enrich(models, space)
    market.fault("region_451", times=None)

    found = check_updates(models, space, max_age=0)

    assert len(found.updates) == 1
    assert len(found.failures) == 1
