"""Civitai as a marketplace: by digest, by version, and every way a download may end."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.workspaces import sources_of

from satchel.catalog import Catalog
from satchel.errors import (
    AccessDeniedError,
    BadResponseError,
    ForbiddenUrlError,
    GoneError,
    LoginRequiredError,
    NotFoundError,
    QuotaExceededError,
    RateLimitedError,
    UnavailableError,
)
from satchel.identity import ModelIdentity, Source
from satchel.marketplaces import civitai_api
from satchel.marketplaces.civitai import Civitai, download_url
from satchel.marketplaces.resolver import Resolver
from satchel.references import CivitaiReference
from satchel.settings import Settings, SourceSettings, origin_of

KEY = "0123456789abcdef0123456789abcdef"
BATCH = "/api/v1/model-versions/by-hash"
LATER = (datetime.now(UTC) + timedelta(days=3)).isoformat()


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def settings(market):
    return Settings(
        sources_of(market),
        trusted_origins=frozenset({origin_of(market.storage_url)}),
    )


@pytest.fixture
def civitai(settings):
    return Civitai(settings)


@pytest.fixture
def resolve(settings, tmp_path):
    return Resolver(settings, Catalog(tmp_path / "catalog.sqlite3")).resolve


@pytest.fixture
def publish(market, tmp_path):
    def build(name="a.safetensors", seed=0, **options):
        path = write_safetensors(tmp_path / "published" / f"{seed}-{name}", seed=seed)
        return market.publish(path, **{"model_name": "Ink", "file_name": name, **options})

    return build


def source_of(published) -> Source:
    return Source(
        "civitai",
        download_url(published.version_id, published.file_id),
        version_id=published.version_id,
        file_id=published.file_id,
    )


def availability(civitai, source, sha256):
    (found,) = civitai.availability([(source, sha256)])
    return found


def answer(market, monkeypatch, body, path=BATCH) -> None:
    """Lets the stand-in answer an API route with a body of our own."""
    from support.marketplace import api

    routes = [
        (pattern, access, lambda site, request, *groups: api.json_reply(200, body))
        if pattern == path
        else (pattern, access, route)
        for pattern, access, route in api.ROUTES
    ]
    monkeypatch.setattr(api, "ROUTES", tuple(routes))


# --- by digest -----------------------------------------------------------------------------------


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


# --- availability --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "access", "reason"),
    [
        ({}, "open", ""),
        ({"require_login": True}, "login", "login"),
        ({"private": True}, "login", "login"),
        ({"early_access_until": LATER}, "login", "Early Access on Civitai until 20"),
        ({"early_access_until": "2020-01-01T00:00:00Z"}, "open", ""),
        ({"downloads_disabled": True}, "gone", "disabled downloads"),
        ({"archived": True}, "gone", "archived"),
        ({"unpublished": True}, "gone", "not have it any more"),
    ],
)
def test_a_source_tells_whether_it_is_open(civitai, publish, options, access, reason):
    lora = publish(**options)

    found = availability(civitai, source_of(lora), lora.sha256.lower())

    assert found.access == access
    assert reason in found.reason
    assert bool(found.reason) == (access != "open")


def test_a_login_is_no_obstacle_to_who_has_a_token(market, publish):
    lora = publish(require_login=True)
    civitai = Civitai(Settings({"civitai": SourceSettings(market.site_url, KEY)}))

    assert availability(civitai, source_of(lora), lora.sha256.lower()).access == "open"


def test_a_file_that_was_replaced_is_gone(civitai, publish):
    lora = publish()

    found = availability(civitai, source_of(lora), "0" * 64)

    assert (found.access, "another file" in found.reason) == ("gone", True)


def test_a_file_that_left_its_version_is_gone(civitai, publish):
    lora = publish()
    source = Source("civitai", "https://civitai.com/", version_id=lora.version_id, file_id=1)

    assert availability(civitai, source, lora.sha256.lower()).access == "gone"


def test_a_source_without_a_version_is_unknown(civitai, market):
    found = availability(civitai, Source("civitai", "https://civitai.com/"), "0" * 64)

    assert found.access == "unknown"
    assert market.requests == []


@pytest.mark.parametrize(
    "body", [None, [], "x", {"hashes": []}, {"hashes": "x"}, {"hashes": None}, {}]
)
def test_an_odd_answer_about_a_source_is_no_crash(civitai, market, publish, monkeypatch, body):
    lora = publish()
    answer(market, monkeypatch, body, r"/api/v1/model-versions/mini/([^/]+)")

    found = availability(civitai, source_of(lora), lora.sha256.lower())

    assert found.access == ("open" if isinstance(body, dict) else "unknown")


@pytest.mark.parametrize("fault", ["html_200", "region_451"])
def test_silence_about_a_source_is_unknown_and_not_gone(civitai, market, publish, fault):
    lora = publish()
    market.fault(fault, times=None)

    found = availability(civitai, source_of(lora), lora.sha256.lower())

    assert found.access == "unknown"
    assert found.reason.endswith(".")


def test_a_model_is_as_available_as_its_best_source(settings, publish, tmp_path):
    lora, locked = publish(seed=1), publish(seed=1, require_login=True)
    gone = publish(seed=1, unpublished=True)
    resolver = Resolver(settings, Catalog(tmp_path / "catalog.sqlite3"))

    def access(*published):
        sources = tuple(source_of(item) for item in published)
        model = ModelIdentity("loras", "a.safetensors", lora.sha256.lower(), sources=sources)
        return resolver.availability([model])[0].access

    assert access(gone, locked, lora) == "open"
    assert access(gone, locked) == "login"
    assert access(gone) == "gone"
    assert access() == "gone"


def test_a_source_of_an_unknown_kind_is_not_asked(settings, market, tmp_path):
    resolver = Resolver(settings, Catalog(tmp_path / "catalog.sqlite3"))
    source = Source("elsewhere", "https://evil.com/a")
    model = ModelIdentity("loras", "a.safetensors", "0" * 64, sources=(source,))

    assert resolver.usable_sources(model) == []
    assert resolver.availability([model])[0].access == "gone"
    with pytest.raises(ForbiddenUrlError, match="elsewhere"):
        resolver.marketplace("elsewhere")
    assert market.requests == []


# --- by version ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "loras"),
        ({"type": "LoCon"}, "loras"),
        ({"type": "DoRA"}, "loras"),
        ({"type": "Checkpoint"}, "checkpoints"),
        ({"type": "Checkpoint", "file_type": "Diffusion Model"}, "diffusion_models"),
        ({"type": "TextualInversion"}, "embeddings"),
        ({"type": "VAE"}, "vae"),
        ({"type": "Upscaler"}, "upscale_models"),
    ],
)
def test_a_version_is_its_primary_file_in_its_folder(resolve, publish, options, kind):
    lora = publish(**options)

    model = resolve(CivitaiReference(None, lora.version_id))

    assert (model.kind, model.name, model.sha256) == (kind, lora.name, lora.sha256.lower())
    assert model.autov3 == lora.hashes["AutoV3"].lower()
    assert [source.file_id for source in model.sources] == [lora.file_id]


def test_a_file_id_and_a_folder_of_the_users_choice_win(resolve, publish):
    lora = publish(seed=1)
    vae = publish("b.safetensors", seed=2, in_version=lora, file_type="VAE")

    assert resolve(CivitaiReference(None, lora.version_id, vae.file_id)).kind == "vae"
    assert (
        resolve(CivitaiReference(None, lora.version_id, vae.file_id), "unet").kind
        == "diffusion_models"
    )
    assert resolve(CivitaiReference(None, lora.version_id), "vae").name == lora.name


def test_a_version_that_cannot_be_resolved_says_why(resolve, publish):
    lora = publish()
    odd = publish(type="Poses")

    with pytest.raises(NotFoundError, match="does not have it"):
        resolve(CivitaiReference(None, 1))
    with pytest.raises(NotFoundError, match="no such file"):
        resolve(CivitaiReference(None, lora.version_id, 1))
    with pytest.raises(BadResponseError, match="Poses"):
        resolve(CivitaiReference(None, odd.version_id))


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        ("..%2F..%2Fx.safetensors", "x.safetensors"),
        ("CON.safetensors", "_CON.safetensors"),
        ("a\u202eb.safetensors", "ab.safetensors"),
    ],
)
def test_a_hostile_name_on_the_site_is_made_harmless(resolve, publish, hostile, name):
    lora = publish(file_name=hostile)

    assert resolve(CivitaiReference(None, lora.version_id)).name == name


@pytest.mark.parametrize("sha256", [None, "", "../../../etc/passwd", "g" * 64, "AB12"])
def test_a_file_without_a_true_sha256_cannot_be_resolved(resolve, market, monkeypatch, sha256):
    file = {"id": 8, "primary": True, "name": "a.safetensors", "hashes": {"SHA256": sha256}}
    body = {"id": 7, "model": {"type": "LORA"}, "files": [file]}
    answer(market, monkeypatch, body, r"/api/v1/model-versions/([^/]+)")

    with pytest.raises(UnavailableError, match="SHA256"):
        resolve(CivitaiReference(None, 7))


# --- downloads -----------------------------------------------------------------------------------


def download(civitai, published):
    with civitai.open_download(source_of(published), {}) as response:
        return response.raw.read()


def test_a_download_asks_for_the_very_file(civitai, market, publish, tmp_path):
    lora = publish(seed=1)
    other = publish("b.safetensors", seed=2, in_version=lora)

    assert download(civitai, lora) == (tmp_path / "published" / "1-a.safetensors").read_bytes()
    assert market.requests[0].query == {"fileId": (str(lora.file_id),)}
    source = Source("civitai", "https://civitai.com/", version_id=other.version_id)
    with civitai.open_download(source, {"Range": "bytes=5-"}) as response:
        assert (response.status_code, response.headers["Content-Range"][:8]) == (206, "bytes 5-")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"require_login": True}, LoginRequiredError, "asks for a login"),
        ({"downloads_disabled": True}, AccessDeniedError, "disabled downloads"),
        ({"early_access_until": LATER}, AccessDeniedError, "Early Access on Civitai until 20"),
        ({"early_access_until": "permanent"}, AccessDeniedError, r"Early Access on Civitai\."),
        ({"private": True}, AccessDeniedError, "private"),
        ({"unpublished": True}, NotFoundError, "does not have this file"),
        ({"archived": True}, GoneError, "archived"),
    ],
)
def test_a_refusal_by_the_creator_is_told(civitai, publish, options, error, message):
    with pytest.raises(error, match=message) as caught:
        download(civitai, publish(**options))

    assert caught.value.hint


@pytest.mark.parametrize(
    ("fault", "options", "error", "message"),
    [
        ("forbidden_403", {}, AccessDeniedError, "blocked"),
        ("challenge_403", {}, AccessDeniedError, "against robots"),
        ("transient_404", {}, UnavailableError, "did not find the file this time"),
        ("quota_429", {}, QuotaExceededError, "unusual amount"),
        ("status_429", {"retry_after": "30"}, RateLimitedError, "too many requests"),
        ("region_451", {}, AccessDeniedError, "region"),
        ("status", {"status": 500}, UnavailableError, "HTTP 500"),
        ("status", {"status": 400}, BadResponseError, "HTTP 400.*Error getting file"),
        ("overloaded_503", {}, UnavailableError, "HTTP 503"),
        ("html_502", {}, UnavailableError, "HTTP 502"),
        ("html_200", {}, UnavailableError, "web page instead"),
        ("redirect", {"location": "/login?returnUrl=x"}, LoginRequiredError, "login"),
        ("redirect", {"location": "/model-versions/5"}, UnavailableError, "web page instead"),
        ("redirect_private", {}, ForbiddenUrlError, "Refused to open"),
        ("redirect_http_elsewhere", {}, ForbiddenUrlError, "Refused to open"),
        ("redirect_loop", {}, BadResponseError, "circles"),
    ],
)
def test_a_failure_of_the_site_is_told(civitai, market, publish, fault, options, error, message):
    lora = publish()
    market.fault(fault, times=None, match="/api/download", **options)

    with pytest.raises(error, match=message) as caught:
        download(civitai, lora)

    text = json.dumps(caught.value.to_json())
    assert "fileId" not in text
    assert "X-Amz" not in text


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (400, UnavailableError, "storage refused the link"),
        (403, UnavailableError, "storage refused the link"),
        (404, NotFoundError, "does not have this file"),
        (500, UnavailableError, "HTTP 500"),
        (503, UnavailableError, "HTTP 503"),
    ],
)
def test_a_failure_of_the_storage_is_told(civitai, market, publish, status, error, message):
    lora = publish()
    market.fault("status", origin="storage", status=status)

    with pytest.raises(error, match=message) as caught:
        download(civitai, lora)

    assert "X-Amz" not in json.dumps(caught.value.to_json())


def test_a_token_opens_what_asks_for_a_login_and_never_reaches_the_storage(
    settings, market, publish
):
    lora = publish(require_login=True)

    def with_token(token):
        own = SourceSettings(settings.source("civitai").url, token)
        return Civitai(replace(settings, sources={"civitai": own}))

    assert len(download(with_token(KEY), lora)) == lora.size
    with pytest.raises(LoginRequiredError):
        download(with_token("wrong"), lora)

    by_origin = {"site": True, "storage": False}
    for request in market.requests:
        assert ("Authorization" in request.headers) is by_origin[request.origin]
        assert KEY not in str(request.query)


@pytest.mark.parametrize("by", [-10_000, 40 << 20], ids=["empty", "endless"])
def test_the_body_of_a_refusal_may_be_anything(civitai, market, publish, by):
    lora = publish(downloads_disabled=True)
    market.fault("wrong_length", origin="site", match="/api/download", by=by)

    with pytest.raises(LoginRequiredError):  # its reason cannot be read
        download(civitai, lora)
