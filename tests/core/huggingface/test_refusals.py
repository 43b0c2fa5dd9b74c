"""Hugging Face as a source: every refusal says what to do."""

from __future__ import annotations

import pytest
from support.hub import BAD, GOOD, INK, chosen, read, ref, source

from satchel.errors import (
    AccessDeniedError,
    BadResponseError,
    ForbiddenUrlError,
    GoneError,
    LoginRequiredError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.huggingface_errors import TOKEN_REFUSED

PAGE = f"https://huggingface.co/{INK}"


REFUSALS = [
    # what the repository is, token, error, what its sentence and hint say
    ({"gated": "auto"}, None, LoginRequiredError, f"Accept its terms at {PAGE} while logged in"),
    ({"gated": "manual"}, GOOD, AccessDeniedError, f"or accept its terms, at {PAGE} ."),
    ({"private": True}, None, NotFoundError, "satchel auth set huggingface, or HF_TOKEN"),
    ({"private": True}, GOOD, NotFoundError, "Check the name"),
    ({"disabled": True}, None, GoneError, "has disabled access"),
    ({"commits": {}, "branches": {}}, None, NotFoundError, "no such revision"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "token", "error", "said"), REFUSALS)
def test_every_refusal_of_a_download_says_what_to_do(
    site, publish, hub, settings, token, error, said
):
    publish()
    pinned = source(hub)
    hub.settings(INK, **settings)

    with pytest.raises(error) as caught:
        site(token).open_download(pinned, {})

    assert said in f"{caught.value} {caught.value.hint}"
    assert type(caught.value) is error
    assert caught.value.details["marketplace"] == "huggingface"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (ref("nope.safetensors"), "no such file"),
        (ref(revision="nope"), "no such revision"),
        (ref(repository="brushfox/nope"), "no repository brushfox/nope, or it is private"),
    ],
)
@pytest.mark.parametrize("token", [None, GOOD])
def test_what_is_not_there_is_named(site, publish, reference, said, token):
    publish()

    with pytest.raises(NotFoundError, match=said):
        site(token).versions(reference)


def test_the_page_of_a_gated_repository_is_public(site, publish):
    published = publish(gated="auto")

    (version,) = site().versions(ref())

    assert version.status == "gated"
    assert version.files[0].identity.sha256 == published.sha256


def test_a_gated_file_opens_for_those_who_have_access(site, publish, hub):
    published = publish(gated="auto", granted=frozenset({GOOD}))

    assert read(site(GOOD).open_download(source(hub), {})) == published.path.read_bytes()
    with pytest.raises(AccessDeniedError):
        site("hf_other").open_download(source(hub), {})


def test_a_refused_token_is_left_out_and_that_is_said(site, publish, hub, caplog):
    published = publish()
    market = site(BAD)

    file = chosen(market, ref())

    assert file.identity.sha256 == published.sha256
    assert TOKEN_REFUSED in file.warnings
    assert read(market.open_download(file.identity.sources[0], {})) == published.path.read_bytes()
    assert caplog.messages == [TOKEN_REFUSED]
    refused = [request for request in hub.requests if "Authorization" in request.headers]
    assert [request.status for request in refused] == [401]
    assert BAD not in str(file)
    assert BAD not in caplog.text


def test_what_needs_a_token_says_that_the_one_which_is_set_is_no_good(site, publish, hub):
    publish(gated="auto")

    with pytest.raises(LoginRequiredError) as caught:
        site(BAD).open_download(source(hub), {})

    assert caught.value.hint.startswith(TOKEN_REFUSED)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ({"kind": "ratelimit_429", "retry_after": "55"}, RateLimitedError, "too many requests"),
        ({"kind": "html_502"}, UnavailableError, "HTTP 502"),
        ({"kind": "html_200"}, UnavailableError, "a web page instead of the file"),
        ({"kind": "status", "status": 418}, BadResponseError, "HTTP 418"),
        ({"kind": "status", "status": 403}, AccessDeniedError, "The token may not cover"),
        ({"kind": "redirect_private"}, ForbiddenUrlError, "Refused"),
        ({"kind": "redirect_loop"}, BadResponseError, "in circles"),
    ],
)
def test_every_other_fault_of_a_download_is_told_apart(site, publish, hub, fault, error, said):
    publish()
    hub.fault(**fault, times=None)

    with pytest.raises(error) as caught:
        site().open_download(source(hub), {})

    assert said in f"{caught.value} {caught.value.hint}"


def test_a_pause_that_the_hub_asks_for_is_kept(site, publish, hub):
    publish()
    hub.fault("ratelimit_429", retry_after="55", times=None)

    with pytest.raises(RateLimitedError) as caught:
        site().versions(ref())

    assert caught.value.details["retry_after_s"] == 55
    assert len(hub.requests) == 1


def test_a_short_pause_is_waited_for(site, publish, hub):
    publish()
    hub.fault("ratelimit_429", retry_after="0.01")

    assert len(site().versions(ref())) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("truncated_json", BadResponseError),
        ("empty_body", BadResponseError),
        ("html_200", UnavailableError),
        ("html_502", UnavailableError),
        ("challenge_403", AccessDeniedError),
    ],
)
def test_an_answer_that_is_no_json_is_told_apart(site, publish, hub, fault, error):
    publish()
    hub.fault(fault, times=None)

    with pytest.raises(error):
        site().versions(ref())


@pytest.mark.parametrize(
    "url",
    [
        "https://huggingface.co/api/whoami-v2",
        "https://huggingface.co/a/b/resolve/main/../../../../api/whoami-v2",
        "https://huggingface.co/a/b/resolve/%2e%2e/x.safetensors",
    ],
)
def test_a_lock_cannot_ask_for_other_pages_with_our_token(site, hub, url):
    with pytest.raises(ForbiddenUrlError):
        site(GOOD).open_download(Source("huggingface", url), {})
    assert hub.requests == []
