"""Civitai as a marketplace: every way a download may end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.civitai import KEY, LATER, source_of

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
from satchel.identity import Source
from satchel.marketplaces.civitai import Civitai
from satchel.settings import SourceSettings


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
