"""Downloads: what one source does not serve comes from the next, or each says why."""

from __future__ import annotations

import json

import pytest
from support.downloads import KEY, listing, original, ranges, source_of

from satchel.errors import (
    ForbiddenUrlError,
    LoginRequiredError,
    NotFoundError,
    SatchelError,
    UnavailableError,
)
from satchel.identity import Source


def test_the_next_source_is_tried(fetch, publish, market, tmp_path):
    path, _ = fetch(publish(unpublished=True), publish(require_login=True), publish())

    assert path.read_bytes() == original(tmp_path)


REFUSALS = {
    "400": ("status", {"status": 400}),
    "401": ("status", {"status": 401}),
    "403": ("forbidden_403", {}),
    "403, a robot check": ("challenge_403", {}),
    "404": ("status", {"status": 404}),
    "404 that passes": ("transient_404", {}),
    "408": ("status", {"status": 408}),
    "410": ("status", {"status": 410}),
    "429": ("status_429", {}),
    "429 with a pause": ("status_429", {"retry_after": "37"}),
    "429 of a quota": ("quota_429", {}),
    "429 in a ratelimit header": ("ratelimit_429", {"retry_after": "55"}),
    "451": ("region_451", {}),
    "500": ("status", {"status": 500}),
    "502 as a web page": ("html_502", {}),
    "503": ("overloaded_503", {}),
    "522": ("status", {"status": 522}),
    "a login page": ("html_200", {}),
    "a redirect inside": ("redirect_private", {}),
    "a redirect loop": ("redirect_loop", {}),
}
"""Every way in which a source may not serve a file -> the stand-in's fault."""


@pytest.mark.parametrize("refusal", REFUSALS)
def test_whatever_a_source_says_the_next_one_serves_it(fetch, publish, market, tmp_path, refusal):
    refused, served = publish(), publish()
    fault, options = REFUSALS[refusal]
    market.fault(fault, times=None, match=refused, **options)

    path, _ = fetch(refused, served)

    assert path.read_bytes() == original(tmp_path)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_when_there_is_no_next_one_each_says_why(fetch, publish, market, folder, refusal):
    first, second = publish(), publish(unpublished=True)
    fault, options = REFUSALS[refusal]
    market.fault(fault, times=None, match=first, **options)

    with pytest.raises(SatchelError) as caught:
        fetch(first, second)

    tried = caught.value.details["tried"]
    assert [item["source"] for item in tried] == [source_of(one).url for one in (first, second)]
    assert str(caught.value) == tried[0]["error"]
    assert caught.value.hint
    assert listing(folder) == []


def test_the_next_source_goes_on_where_the_first_broke(fetch, publish, market, tmp_path):
    first, second = publish(), publish()
    market.fault("cut", after=100_000, match=first)
    market.fault("cut", after=0, times=None, match=first)

    path, _ = fetch(first, second)

    assert ranges(market)[-1] == "bytes=100000-"
    assert path.read_bytes() == original(tmp_path)


def test_a_source_with_other_bytes_does_not_spoil_the_next(fetch, publish, market, tmp_path):
    first, second = publish(), publish()
    market.fault("wrong_bytes", times=None, match=first)

    path, _ = fetch(first, second)

    assert path.read_bytes() == original(tmp_path)


def test_a_source_that_broke_with_other_bytes_does_not_spoil_the_next(
    fetch, publish, market, tmp_path
):
    lora, other = publish(), publish(seed=1)
    market.fault("cut", after=100_000, match=other)
    market.fault("cut", after=0, times=None, match=other)
    sources = (source_of(other), source_of(lora))

    path, _ = fetch(lora, sources=sources)

    assert path.read_bytes() == original(tmp_path)


def test_when_no_source_serves_it_all_are_named(fetch, publish, folder):
    gone, locked = publish(unpublished=True), publish(require_login=True)
    strange = Source("elsewhere", "https://evil.com/a")

    with pytest.raises(NotFoundError) as caught:
        fetch(gone, sources=(source_of(gone), source_of(locked), strange))

    tried = caught.value.details["tried"]
    assert [item["source"] for item in tried] == [
        source_of(gone).url,
        source_of(locked).url,
        strange.url,
    ]
    assert all(item["error"].endswith(".") for item in tried)
    json.dumps(caught.value.to_json())
    assert listing(folder) == []


def test_without_a_source_it_says_so(fetch, publish):
    with pytest.raises(UnavailableError, match="No source is known"):
        fetch(publish(), sources=())


def test_a_redirect_to_a_private_address_is_refused(fetch, publish, market, folder):
    lora = publish()
    market.fault("redirect_private", times=None)

    with pytest.raises(ForbiddenUrlError):
        fetch(lora)

    assert listing(folder) == []


def test_a_token_is_used_and_stays_with_the_site(fetch, publish, market):
    lora = publish(require_login=True)

    with pytest.raises(LoginRequiredError):
        fetch(lora)
    fetch(lora, settings={"token": KEY})

    storage = [request for request in market.requests if request.origin == "storage"]
    assert len(storage) == 1
    assert "Authorization" not in storage[0].headers
