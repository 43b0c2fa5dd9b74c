"""The HTTP layer: answers that are none, and bodies that cannot be read."""

from __future__ import annotations

import gzip
import zlib

import pytest
from support.transports import TOKEN, answering, assert_says_no_secret, make_transport

from satchel.errors import AccessDeniedError, BadResponseError, UnavailableError
from satchel.marketplaces.transport import public_url


@pytest.mark.parametrize(
    ("fault", "settings", "error", "message", "requests"),
    [
        ("html_200", {}, UnavailableError, "a web page instead of data", 3),
        ("html_502", {}, UnavailableError, "HTTP 502", 3),
        ("challenge_403", {}, AccessDeniedError, "protection of 127.0.0.1 against robots", 1),
        ("gzip_bomb", {}, BadResponseError, "far too large", 1),
        ("status", {"status": 500}, UnavailableError, "HTTP 500", 3),
        ("truncated_json", {}, BadResponseError, "is no JSON", 1),
        ("empty_body", {}, BadResponseError, "is no JSON", 1),
        ("cut", {"after": 20}, UnavailableError, "not available", 3),
        ("wrong_length", {"by": 33 << 20}, BadResponseError, "far too large", 1),
    ],
)
def test_what_is_no_answer_is_an_error(
    transport, market, fault, settings, error, message, requests
):
    market.fault(fault, times=None, origin="site", **settings)

    with pytest.raises(error, match=message) as caught:
        transport.json("GET", f"{market.site_url}/api/v1/enums?token={TOKEN}")

    assert len(market.requests) == requests
    assert_says_no_secret(caught.value)
    assert public_url(market.site_url) in caught.value.details["url"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_body_is_undone_though_none_was_asked_for(waits, encoding):
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](b'{"a": 1}')
    with answering(200, packed, Content_Encoding=encoding) as (url, got):
        assert make_transport(waits, url).json("GET", url).body == {"a": 1}

    assert got[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("encoding", "message"), [("br", "not asked for"), ("gzip", "as it says")])
def test_an_encoding_that_cannot_be_undone_is_a_bad_answer(waits, encoding, message):
    with (
        answering(200, b'{"a": 1}', Content_Encoding=encoding) as (url, _),
        pytest.raises(BadResponseError, match=message),
    ):
        make_transport(waits, url).json("GET", url)


def test_a_web_page_at_an_address_of_an_api_is_a_bad_answer(transport, market):
    with pytest.raises(BadResponseError, match=r"a web page instead of data \(HTTP 404\)"):
        transport.json("GET", f"{market.site_url}/api/v1/nope")

    assert len(market.requests) == 1


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 100_000, b'{"a": \xff}', b"\x00"])
def test_json_that_nobody_can_read_is_a_bad_answer(waits, body):
    with (
        answering(200, body, Content_Type="application/json") as (url, _),
        pytest.raises(BadResponseError, match="is no JSON"),
    ):
        make_transport(waits, url).json("GET", url)
