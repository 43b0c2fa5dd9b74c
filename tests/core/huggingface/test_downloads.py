"""Hugging Face as a source: downloads, availability and the token."""

from __future__ import annotations

import pytest
from support.hub import BAD, GOOD, INK, read, source

from satchel.errors import UnavailableError
from satchel.identity import Source

# --- downloads -----------------------------------------------------------------------------------


def test_the_token_goes_to_the_hub_and_never_to_its_storage(site, publish, hub):
    publish(private=True, granted=frozenset({GOOD}))

    read(site(GOOD).open_download(source(hub), {}))

    asked = {request.origin: request.headers.get("Authorization") for request in hub.requests}
    assert asked == {"site": f"Bearer {GOOD}", "storage": None}


def test_a_download_goes_on_where_it_ended(site, publish, hub):
    published = publish()

    response = site().open_download(source(hub), {"Range": "bytes=100-"})

    assert response.status_code == 206
    assert read(response) == published.path.read_bytes()[100:]
    with site().open_download(source(hub), {"Range": f"bytes={published.size}-"}) as ended:
        assert ended.status_code == 416


def test_each_download_asks_for_a_fresh_link(site, publish, hub):
    published = publish()
    market = site()
    read(market.open_download(source(hub), {}))
    hub.expire_links()

    assert read(market.open_download(source(hub), {})) == published.path.read_bytes()


def test_a_link_that_the_storage_refuses_is_worth_a_retry(site, publish, hub):
    publish()
    hub.fault("status", origin="storage", status=403)

    with pytest.raises(UnavailableError, match="it may have expired"):
        site().open_download(source(hub), {})


# --- availability and token ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "token", "access"),
    [
        ({}, None, "open"),
        ({"gated": "auto"}, None, "login"),
        ({"gated": "auto"}, GOOD, "login"),
        ({"gated": "auto", "granted": frozenset({GOOD})}, GOOD, "open"),
        ({"private": True}, None, "gone"),
        ({"disabled": True}, None, "gone"),
        ({"commits": {}}, None, "gone"),
    ],
)
def test_availability_is_told_without_fetching(site, publish, hub, settings, token, access):
    published = publish()
    pinned = source(hub)
    hub.settings(INK, **settings)

    (answer,) = site(token).availability([(pinned, published.sha256)])

    assert answer.access == access
    assert bool(answer.reason) == (access != "open")
    assert [request.origin for request in hub.requests] == ["site"]


def test_a_branch_that_moved_on_does_not_serve_those_bytes_any_more(site, publish):
    old = publish(seed=1)
    publish(seed=2)
    moving = Source("huggingface", f"https://huggingface.co/{INK}/resolve/main/ink.safetensors")

    (answer,) = site().availability([(moving, old.sha256)])

    assert (answer.access, answer.reason) == (
        "gone", "Hugging Face now serves another file in its place.",
    )  # fmt: skip


def test_silence_is_unknown_and_answers_keep_their_order(site, publish, hub):
    published = publish()
    lost = Source("huggingface", source(hub).url.replace("ink.safe", "nope.safe"))
    hub.fault("html_502", match="ink.safetensors")

    answers = site().availability([(source(hub), published.sha256), (lost, "a" * 64)])

    assert [answer.access for answer in answers] == ["unknown", "gone"]


@pytest.mark.parametrize(
    ("token", "state"), [(None, "unset"), (GOOD, "accepted"), (BAD, "refused")]
)
def test_a_token_is_checked(site, token, state):
    assert site(token).check_token() == state


def test_a_token_is_unknown_when_nobody_answers(site, hub):
    hub.fault("ratelimit_429", retry_after="99", times=None)

    assert site(GOOD).check_token() == "unknown"
