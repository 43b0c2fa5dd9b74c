"""One model, several places: who is asked, in which order, how often, and what is told."""

from __future__ import annotations

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.workspaces import make_workspace, sources_of

from satchel.errors import (
    GoneError,
    LoginRequiredError,
    NotFoundError,
    UnavailableError,
)
from satchel.identity import ModelIdentity, Source
from satchel.marketplaces import resolver as resolver_module
from satchel.marketplaces.civitai import Civitai, download_url
from satchel.marketplaces.civitai_availability import LOGIN_CHECKS
from satchel.progress import Cancellation
from satchel.references import (
    CivitaiReference,
    DigestReference,
    FileNameReference,
    parse_reference,
)
from satchel.settings import SourceSettings
from satchel.workflow.collect import source_of_url
from satchel.workflow.documents import WorkflowDocument
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.plan import plan_document

BATCH = "/api/v1/model-versions/by-hash"
MIRROR = "https://huggingface.co/archive/loras/resolve/main/{}"
KEY = "a-key"


class Patient(Cancellation):
    def wait(self, seconds: float) -> None:
        self.check()


class Elsewhere(Civitai):
    """A second place to fetch from, as real as the first: it serves what Civitai has as its own."""

    kind = "huggingface"
    label = "Elsewhere"

    def open_download(self, source, headers):
        version_id = int(source.url.rpartition("/")[2])
        return super().open_download(Source("civitai", source.url, version_id=version_id), headers)

    def find_sources(self, sha256s):
        return dict.fromkeys(sha256s, ())

    def find_version(self, digest):
        return None

    def knows(self, reference):
        return False

    def availability(self, wanted):
        return [resolver_module.Availability("open")] * len(wanted)


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def space(market, tmp_path):
    # `Elsewhere` goes by Hugging Face's name, which is therefore not switched off.
    sources = {**sources_of(market), "huggingface": SourceSettings(market.site_url)}
    space = make_workspace(tmp_path, market, sources=sources)
    return space.watched(lambda event: None, Patient())


@pytest.fixture
def publish(market, tmp_path):
    def build(seed=0, **options):
        path = write_safetensors(tmp_path / "published" / f"{seed}.safetensors", seed=seed)
        return market.publish(path, **{"model_name": "Ink", "file_name": "ink.sft", **options})

    return build


def source_of(published) -> Source:
    return Source(
        "civitai", download_url(published.version_id, published.file_id),
        version_id=published.version_id, file_id=published.file_id,
    )  # fmt: skip


def wanting(*published, sources=True):
    """A lock that asks for files."""
    identities = [
        ModelIdentity(
            "loras",
            f"{number}.safetensors",
            item.sha256.lower(),
            item.size,
            sources=(source_of(item),) if sources else (),
        )
        for number, item in enumerate(published)
    ]
    models = tuple(LockedModel(identity, ("4",)) for identity in identities)
    return WorkflowDocument("x.json", lock=Lock(models))


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


# --- references ----------------------------------------------------------------------------------


def lost_on_civitai(market, publish, **options):
    """A version that Civitai does not serve, kept in the archive."""
    published = publish(**options)
    sha256 = published.sha256.lower()
    mirror = {"source": "huggingface", "url": MIRROR.format("ink.safetensors")}
    file = {"name": "ink.safetensors", "sha256": sha256, "mirrors": [mirror]}
    model = {"id": str(published.model_id), "name": "Ink", "type": "LORA", "platform": "civitai",
             "version": {"id": str(published.version_id), "files": [file]}}  # fmt: skip
    path = f"/api/v1/civitai/models/{published.model_id}/versions/{published.version_id}"
    market.archive.answer(path, model)
    return published


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"archived": True}, None),
        ({"unpublished": True}, None),
        ({}, ("status", 401)),
        ({}, ("status", 403)),
        ({}, ("status", 410)),
        ({}, ("status_429", None)),
        ({}, ("region_451", None)),
        ({}, ("html_502", None)),
    ],
)
def test_a_page_that_its_site_does_not_give_is_looked_for_in_the_archive(
    market, space, publish, options, fault
):
    published = lost_on_civitai(market, publish, **options)
    if fault:
        market.fault(fault[0], times=None, **({"status": fault[1]} if fault[1] else {}))

    model = space.resolver().resolve(CivitaiReference(published.model_id, published.version_id))

    assert (model.sha256, model.kind) == (published.sha256.lower(), "loras")
    assert [source.kind for source in model.sources] == ["huggingface"]
    assert all("Authorization" not in request.headers for request in market.archive.requests)


def test_when_nobody_has_it_the_first_refusal_is_told_with_all_that_was_tried(
    market, space, publish
):
    published = publish(archived=True)

    with pytest.raises(GoneError, match="archived on Civitai") as caught:
        space.resolver().resolve(CivitaiReference(published.model_id, published.version_id))

    assert [tried["source"] for tried in caught.value.details["tried"]] == ["civitai", "civarchive"]
    assert "CivArchive does not have it" in caught.value.details["tried"][1]["error"]


def test_a_reference_that_nobody_can_look_up_is_told(space):
    with pytest.raises(NotFoundError, match=r"ink\.safetensors is nothing that a marketplace"):
        space.resolver().resolve(FileNameReference("ink.safetensors"))


NAMES = {
    "ink wash.safetensors": "ink wash.safetensors",
    "墨_🎨.safetensors": "墨_🎨.safetensors",
    "styles%2Fink.safetensors": "styles/ink.safetensors",
    "styles\\ink.safetensors": "styles/ink.safetensors",
    "..%2F..%2Fevil.safetensors": "evil.safetensors",
    "..\\evil.safetensors": "evil.safetensors",
    "C:\\evil.safetensors": "C_/evil.safetensors",
    "%2Fetc%2Fevil.safetensors": "etc/evil.safetensors",
    "CON.safetensors": "_CON.safetensors",
    "a.safetensors.": "a.safetensors",
    ".hidden.safetensors": "hidden.safetensors",
    "a%0Ab.safetensors": "ab.safetensors",
    "a%E2%80%AEsrotcnesefas.safetensors": "asrotcnesefas.safetensors",
    'a"b.safetensors': "a_b.safetensors",
    "a|b.safetensors": "a_b.safetensors",
}


@pytest.mark.parametrize(("name", "portable"), NAMES.items(), ids=map(ascii, NAMES))
def test_a_published_name_is_made_one_that_every_system_takes(space, publish, name, portable):
    """As creators upload them; the site decodes percent signs in what it lists."""
    published = publish(file_name=name)
    reference = CivitaiReference(published.model_id, published.version_id)

    assert space.resolver().resolve(reference).name == portable


# --- availability and mirrors --------------------------------------------------------------------


def test_a_model_that_is_gone_is_planned_from_a_mirror(market, space, publish, monkeypatch):
    monkeypatch.setattr(resolver_module, "MARKETPLACES", (Civitai, Elsewhere))
    published = publish(archived=True)
    market.archive.mirror(published.sha256, MIRROR.format("ink.safetensors"))

    (model,) = plan_document(wanting(published), space).models

    assert (model.state, model.target is not None) == ("missing", True)
    assert "archived" in model.reason
    assert "mirror" in model.reason
    assert [source.kind for source in model.model.identity.sources] == ["huggingface"]


def test_a_mirror_that_nobody_here_opens_changes_nothing(market, space, publish):
    published = publish(archived=True)
    market.archive.mirror(published.sha256, "https://www.modelscope.cn/models/a/b/resolve/m/c.sft")

    (model,) = plan_document(wanting(published), space).models

    assert (model.state, "archived" in model.reason) == ("gone", True)


def test_each_round_asks_about_one_source_of_each_model_still_in_question(
    market, space, publish, monkeypatch
):
    monkeypatch.setattr(resolver_module, "MARKETPLACES", (Civitai, Elsewhere))
    served, gone = publish(1), publish(2, unpublished=True)
    mirror = Source("huggingface", MIRROR.format(1))
    models = [
        ModelIdentity("loras", "a", item.sha256.lower(), sources=(source_of(item), mirror))
        for item in (served, gone)
    ]

    answers = space.resolver().availability(models)

    assert [answer.access for answer in answers] == ["open", "open"]
    assert market.requests[0].path == BATCH


@pytest.mark.parametrize(
    ("options", "error"),
    [({"archived": True}, GoneError), ({"require_login": True}, LoginRequiredError)],
)
def test_a_download_goes_on_to_the_next_source(
    market, space, publish, monkeypatch, tmp_path, options, error
):
    monkeypatch.setattr(resolver_module, "MARKETPLACES", (Civitai, Elsewhere))
    refused, open_one = publish(1, **options), publish(1)
    mirror = Source("huggingface", f"https://huggingface.co/{open_one.version_id}")
    model = ModelIdentity("loras", "a.safetensors", refused.sha256.lower(),
                          sources=(source_of(refused), mirror))  # fmt: skip

    path, digests = space.downloader().fetch(model, tmp_path / "a.safetensors")

    assert (path.name, digests.sha256) == ("a.safetensors", refused.sha256.lower())
    with pytest.raises(error):
        space.resolver().marketplace("civitai").open_download(source_of(refused), {})


def test_a_source_that_the_operator_switched_off_is_not_asked(market, tmp_path):
    from satchel.settings import Settings

    settings = Settings.from_environment({**market.environment, "SATCHEL_CIVARCHIVE_URL": "off"})
    space = make_workspace(tmp_path, sources=settings.sources)

    assert space.resolver().look_up(["2" * 64]).sources == {"2" * 64: ()}
    assert market.archive.requests == []
    assert [one.kind for one in space.resolver().marketplaces] == ["civitai", "https"]
