"""One model, several places: who is asked about a digest, and how often."""

from __future__ import annotations

import pytest
from support.models import write_safetensors
from support.resolving import BATCH, KEY, MIRROR, wanting
from support.workspaces import make_workspace

from satchel.errors import NotFoundError, UnavailableError
from satchel.identity import ModelIdentity
from satchel.marketplaces.civitai_availability import LOGIN_CHECKS
from satchel.references import DigestReference, parse_reference
from satchel.workflow.collect import source_of_url
from satchel.workflow.documents import WorkflowDocument
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.plan import plan_document

# --- few requests --------------------------------------------------------------------------------


@pytest.mark.parametrize("sources", [True, False])
@pytest.mark.parametrize("token", [None, KEY])
def test_a_hundred_missing_models_are_planned_with_one_request(
    market, tmp_path, publish, sources, token
):
    files = [publish(seed) for seed in range(100)]
    space = make_workspace(tmp_path / "here", market, token=token)

    plan = plan_document(wanting(*files, sources=sources), space)

    assert {(model.state, model.target is None) for model in plan.models} == {("missing", False)}
    assert [(request.method, request.path) for request in market.requests] == [("POST", BATCH)]
    assert market.archive.requests == []


def test_what_the_batch_tells_is_used(market, space, publish):
    many = [publish(seed) for seed in range(LOGIN_CHECKS + 1)]
    odd = [
        publish(50, archived=True),
        publish(51, downloads_disabled=True),
        publish(52, early_access_until="2999-01-01T00:00:00Z"),
        publish(53, unpublished=True),
    ]

    plan = plan_document(wanting(*many, *odd), space)

    states = [model.state for model in plan.models][len(many) :]
    assert states == ["gone", "gone", "login", "missing"]
    assert "do" in plan.models[-1].reason
    assert [request.path for request in market.requests] == [BATCH]


def test_a_few_models_are_each_asked_whether_they_need_a_login(market, space, publish):
    files = [publish(seed, require_login=seed == 1) for seed in range(3)]

    plan = plan_document(wanting(*files), space)

    assert [model.state for model in plan.models] == ["missing", "login", "missing"]
    assert len(market.requests) == 1 + 3


def test_a_known_digest_is_not_asked_about_again(market, space, publish):
    digest = publish().sha256.lower()

    for _ in range(2):
        assert space.resolver().look_up([digest]).sources[digest]

    assert len(market.requests) == 1


def test_the_page_of_a_model_is_no_address_but_its_digest_is(market, space, publish):
    published = publish()
    page = source_of_url(f"https://civitai.com/models/{published.model_id}")
    model = ModelIdentity("loras", "a.safetensors", published.sha256.lower(), sources=(page,))
    lock = Lock((LockedModel(model, ("4",)),))

    (planned,) = plan_document(WorkflowDocument("x.json", lock=lock), space).models

    assert (planned.state, planned.target is not None) == ("missing", True)
    sources = planned.model.identity.sources
    assert [source.version_id for source in sources] == [published.version_id]


# --- digests -------------------------------------------------------------------------------------


def test_only_what_nobody_has_is_asked_from_the_archive(market, space, publish):
    known, lost, unknown = publish().sha256.lower(), "2" * 64, "3" * 64
    market.archive.mirror(lost, MIRROR.format("lost.safetensors"))

    found = space.resolver().look_up([known, lost, unknown])

    assert [source.kind for source in found.sources[known]] == ["civitai"]
    assert [source.kind for source in found.sources[lost]] == ["huggingface"]
    assert (found.sources[unknown], found.failures) == ((), ())
    asked = sorted(request.path[-64:] for request in market.archive.requests)
    assert asked == [lost, unknown]


def test_what_is_written_down_does_not_come_from_the_archive(market, space):
    market.archive.mirror("2" * 64, MIRROR.format("lost.safetensors"))

    assert space.resolver().look_up(["2" * 64], mirrors=False).sources == {"2" * 64: ()}
    assert market.archive.requests == []


def test_one_that_does_not_answer_does_not_hide_what_another_has(market, space):
    lost = "2" * 64
    market.archive.mirror(lost, MIRROR.format("lost.safetensors"))
    market.fault("html_502", times=None)

    found = space.resolver().look_up([lost, "3" * 64])

    assert [source.kind for source in found.sources[lost]] == ["huggingface"]
    assert [type(failure) for failure in found.failures] == [UnavailableError]


def test_silence_is_not_remembered_as_a_miss(market, space, publish):
    digest = publish().sha256.lower()
    market.fault("html_502", times=3)
    assert space.resolver().look_up([digest]).sources[digest] == ()

    assert space.resolver().look_up([digest]).sources[digest]


@pytest.mark.parametrize("kind", ["SHA256", "AutoV1", "AutoV2", "AutoV3", "CRC32"])
def test_a_digest_of_any_kind_becomes_a_file_with_its_sha256(space, market, tmp_path, kind):
    # AutoV1 covers bytes beyond the first MiB.
    big = write_safetensors(tmp_path / "big.safetensors", {"weight": (1024, 1024)})
    published = market.publish(big, model_name="Big")
    text = published.hashes[kind]

    by_length = space.resolver().resolve(parse_reference(text))
    by_name = space.resolver().resolve(parse_reference(f"{kind.lower()}:{text}"))

    assert by_length.sha256 == by_name.sha256 == published.sha256.lower()


def test_a_whole_autov3_is_found_by_its_beginning(space, publish):
    published = publish()
    whole = published.hashes["AutoV3"].lower() + "0" * 52

    assert space.resolver().resolve(parse_reference(whole)).sha256 == published.sha256.lower()


def test_a_short_digest_of_another_kind_is_not_taken_for_it(space, publish):
    published = publish()
    crc = published.hashes["CRC32"].lower()

    with pytest.raises(NotFoundError, match=f"AutoV1 {crc}"):
        space.resolver().resolve(DigestReference("AutoV1", crc))
