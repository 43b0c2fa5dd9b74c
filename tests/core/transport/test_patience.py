"""The HTTP layer: which pauses are taken, which requests are sent again, and what is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from support.transports import TOKEN, answering, assert_says_no_secret, make_transport

from satchel.errors import CancelledError, QuotaExceededError, RateLimitedError, UnavailableError

BATCH = "/api/v1/model-versions/by-hash"


def test_an_overloaded_server_is_asked_again_after_the_pause_it_names(transport, market, waits):
    market.fault("overloaded_503")

    assert transport.json("GET", f"{market.site_url}/api/v1/enums")[0] == 200
    assert [2.0 <= seconds < 2.5 for seconds in waits.waited] == [True]
    assert [request.status for request in market.requests] == [503, 200]


@pytest.mark.parametrize(
    ("retry_after", "low", "high"),
    [
        ("7", 7, 7.5),
        ("0", 0, 1),
        ("0.5", 0.5, 1),
        (None, 0.5, 1),
        ("nonsense", 0.5, 1),
        ("nan", 0.5, 1),
        ("inf", 0.5, 1),
        ("-5", 0, 1),
        ("date", 8, 11),
        ("old date", 0, 1),
    ],
)
def test_a_pause_is_taken_from_seconds_or_a_date(transport, market, waits, retry_after, low, high):
    now = datetime.now(UTC)
    dates = {"date": now + timedelta(seconds=10), "old date": now - timedelta(days=1)}
    if retry_after in dates:
        retry_after = format_datetime(dates[retry_after], usegmt=True)
    market.fault("status_429", retry_after=retry_after)

    assert transport.json("GET", f"{market.site_url}/api/v1/enums")[0] == 200
    assert len(waits.waited) == 1
    assert low <= waits.waited[0] <= high


def test_too_many_requests_three_times_is_told(transport, market, waits):
    market.fault("status_429", times=3, retry_after="4")

    with pytest.raises(RateLimitedError, match="asks for a pause") as caught:
        transport.json("GET", f"{market.site_url}/api/v1/enums?token={TOKEN}")

    assert caught.value.details["retry_after_s"] == 4
    assert (len(market.requests), len(waits.waited)) == (3, 2)
    assert_says_no_secret(caught.value)


def test_a_server_that_wants_too_much_patience_is_not_waited_for(transport, market, waits):
    market.fault("status_429", times=None, retry_after="3600")

    with pytest.raises(RateLimitedError) as caught:
        transport.json("GET", f"{market.site_url}/api/v1/enums")

    assert caught.value.details["retry_after_s"] == 3600
    assert (len(market.requests), waits.waited) == (1, [])


def test_a_cancelled_pause_ends(transport, market, waits):
    market.fault("overloaded_503", times=None)
    waits.cancel()

    with pytest.raises(CancelledError):
        transport.json("GET", f"{market.site_url}/api/v1/enums")

    assert len(market.requests) == 1


def test_a_header_that_does_not_come_is_given_up(transport, market, waits, monkeypatch):
    monkeypatch.setattr("satchel.marketplaces.transport.READ_TIMEOUT_S", 0.2)
    market.fault("slow_header", times=None)

    with pytest.raises(UnavailableError, match="cannot be reached"):
        transport.json("GET", f"{market.site_url}/api/v1/enums")

    assert len(waits.waited) == 2


def test_a_body_that_stalls_is_given_up(transport, market, monkeypatch):
    monkeypatch.setattr("satchel.marketplaces.transport.READ_TIMEOUT_S", 0.2)
    market.fault("stall", origin="site", times=None, after=10)

    with pytest.raises(UnavailableError, match="not available"):
        transport.json("GET", f"{market.site_url}/api/v1/enums")


def test_a_body_that_drips_is_given_up(transport, market, monkeypatch):
    monkeypatch.setattr("satchel.marketplaces.answers.MAX_BODY_S", 0.1)
    monkeypatch.setattr("satchel.marketplaces.answers._READ_BYTES", 100)
    market.fault("throttle", origin="site", times=None, bytes_per_s=2000)

    with pytest.raises(UnavailableError, match="not available"):
        transport.json("GET", f"{market.site_url}/api/v1/enums")


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ('"api";r=0;t=7', 7),
        ('"resolvers";t=7;r=0', 7),
        ("r=0, t=7", 7),
        ('"api";r=4;t=7', 0.5),
        ('"api";r=0', 0.5),
        ("nonsense", 0.5),
    ],
)
def test_a_pause_is_taken_from_the_ratelimit_header(waits, header, pause):
    body = b"<html>slow down</html>"
    with (
        answering(429, body, ratelimit=header, Content_Type="text/html") as (url, _),
        pytest.raises(RateLimitedError),
    ):
        make_transport(waits, url).json("GET", url)

    assert pause <= waits.waited[0] <= pause + 0.25


def test_all_pauses_of_a_call_together_have_a_limit(transport, market, waits):
    market.fault("status_429", times=None, retry_after="20")

    with pytest.raises(RateLimitedError):
        transport.json("GET", f"{market.site_url}/api/v1/enums")

    assert len(market.requests) == 2
    assert sum(waits.waited) < 21


def test_a_limit_that_waiting_does_not_lift_is_not_waited_for(transport, market, waits):
    with pytest.raises(QuotaExceededError, match="use cursors instead"):
        transport.json("GET", f"{market.site_url}/api/v1/models?limit=100&page=11")

    assert (len(market.requests), waits.waited) == (1, [])


def test_a_limit_in_json_that_names_a_pause_is_waited_for(waits):
    body = b'{"error": "Rate limit exceeded, please retry shortly."}'
    with (
        answering(429, body, Retry_After="3", Content_Type="application/json") as (url, _),
        pytest.raises(RateLimitedError),
    ):
        make_transport(waits, url).json("GET", url)

    assert [3 <= pause < 3.3 for pause in waits.waited] == [True, True]


@pytest.mark.parametrize("status", [400, 401, 404, 451])
def test_a_refusal_is_handed_on_without_a_retry(transport, market, status):
    market.fault("status", status=status)

    found, body, _ = transport.json("GET", f"{market.site_url}/api/v1/enums")

    assert (found, body) == (status, {"error": "Error getting file"})
    assert len(market.requests) == 1


def test_a_body_is_sent_again_with_a_retry(transport, market, lora):
    market.fault("html_502")

    status, body, _ = transport.json("POST", market.site_url + BATCH, json_body=[lora.sha256])

    assert (status, body[0]["id"]) == (200, lora.version_id)
