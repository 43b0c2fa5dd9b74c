"""The faults that tests ask the stand-in for."""

from __future__ import annotations

import threading
import time

import pytest
import requests
from support.marketplace import KINDS
from support.marketplace.server import Listener
from support.stand_in_requests import BYTES, drain, get, get_download, get_link


@pytest.mark.parametrize("after", [0, 1, 40_000])
def test_a_cut_download_ends_after_exactly_so_many_bytes_and_can_be_resumed(market, publish, after):
    lora = publish(BYTES)
    market.fault("cut", after=after, match=lora)
    received = bytearray()

    with requests.get(get_link(market, lora), stream=True, timeout=5) as response:
        assert response.headers["Content-Length"] == "51200"
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            drain(response, received)
    rest = requests.get(
        get_link(market, lora), headers={"Range": f"bytes={after}-"}, timeout=5
    ).content

    assert len(received) == after
    assert bytes(received) + rest == BYTES


@pytest.fixture
def pauses(monkeypatch):
    """The seconds that answers were to wait, which they did not."""
    taken = []

    def pause(listener, seconds):
        taken.append(seconds)
        return listener.stopping.is_set()

    monkeypatch.setattr(Listener, "pause", pause)
    return taken


def test_a_stalled_download_passes_some_bytes_and_then_waits(market, publish, monkeypatch):
    lora = publish(BYTES)
    market.fault("stall", after=100, seconds=300, match=lora)
    link = get_link(market, lora)
    taken, arrived = [], threading.Event()

    def pause(listener, seconds):
        taken.append(seconds)
        return seconds > 0 and not arrived.wait(20)

    monkeypatch.setattr(Listener, "pause", pause)

    response = requests.get(link, stream=True, timeout=5)
    assert response.raw.read(100) == BYTES[:100]
    arrived.set()
    assert response.raw.read() == BYTES[100:]

    assert [seconds for seconds in taken if seconds] == [300]


def test_stopping_ends_a_stall_at_once(publish, market):
    lora = publish()
    market.fault("stall", seconds=60, match=lora)
    response = requests.get(get_link(market, lora), stream=True, timeout=5)

    market.stop()

    # Nothing that waits for bytes which do not come ends like this.
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        list(response.iter_content(1024))


def test_a_throttled_download_takes_its_time(market, publish, pauses):
    lora = publish(BYTES)
    market.fault("throttle", bytes_per_s=len(BYTES) * 4, match=lora)
    link = get_link(market, lora)

    assert requests.get(link, timeout=5).content == BYTES

    # The last pause comes behind the last byte: whoever asked may have it before.
    deadline = time.monotonic() + 5
    while sum(pauses) < 0.2499 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sum(pauses) == pytest.approx(0.25)
    assert len(pauses) > 4


def test_wrong_bytes_keep_the_length_and_a_wrong_length_keeps_the_bytes(market, publish):
    lora = publish(BYTES)
    link = get_link(market, lora)
    contents = {}
    for name, kind, settings in (
        ("wrong", "wrong_bytes", {}),
        ("short", "wrong_length", {"by": -200}),
        ("long", "wrong_length", {"by": 300}),
    ):
        market.fault(kind, match=lora, **settings)
        contents[name] = requests.get(link, timeout=5).content

    assert contents["wrong"] == bytes(255 - value for value in BYTES)
    assert contents["short"] == BYTES[:-200]
    assert contents["long"] == BYTES + bytes(300)
    assert requests.get(link, timeout=5).content == BYTES


@pytest.mark.parametrize(
    ("kind", "settings", "status", "header", "text"),
    [
        ("status_429", {}, 429, ("Retry-After", None), "error code: 1015"),
        ("status_429", {"retry_after": "37"}, 429, ("Retry-After", "37"), "error code: 1015"),
        ("quota_429", {}, 429, ("Retry-After", None), "unusual amount of downloading"),
        ("html_502", {}, 502, ("Content-Type", "text/html; charset=utf-8"), "Bad gateway"),
        ("overloaded_503", {}, 503, ("Retry-After", "2"), "temporarily overloaded"),
        ("html_200", {}, 200, ("Content-Type", "text/html; charset=utf-8"), "Be right back"),
        ("forbidden_403", {}, 403, ("Cache-Control", "no-store, max-age=0"), "Forbidden"),
        ("challenge_403", {}, 403, ("cf-mitigated", "challenge"), "Just a moment"),
        ("transient_404", {}, 404, ("Cache-Control", "private, no-store"), "File not found"),
        ("region_451", {}, 451, ("Retry-After", None), "REGION_BLOCKED"),
        ("status", {"status": 500}, 500, ("Retry-After", None), "Error getting file"),
        ("empty_body", {}, 200, ("Content-Length", "0"), ""),
        ("redirect_private", {}, 307, ("Location", "http://169.254.169.254/latest/meta-data/"), ""),
        ("redirect", {"location": "/there"}, 307, ("Location", "/there"), ""),
    ],
)
def test_a_site_fault_strikes_once(market, publish, kind, settings, status, header, text):
    path = f"/api/v1/models/{publish().model_id}"
    market.fault(kind, match="/models/", **settings)

    struck, healed = get(market, path), get(market, path)

    assert (struck.status_code, struck.headers.get(header[0])) == (status, header[1])
    assert text in struck.text
    assert healed.json()["name"] == "Ink Wash Lines"


def test_truncated_json_does_not_parse(market, publish):
    path = f"/api/v1/models/{publish().model_id}"
    market.fault("truncated_json")

    struck = get(market, path)

    assert struck.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        struck.json()


def test_a_redirect_loop_never_ends_and_one_elsewhere_leaves_both_origins(market, publish):
    loop, elsewhere = publish(), publish()
    market.fault("redirect_loop", match=loop, times=None)
    market.fault("redirect_http_elsewhere", match=elsewhere)

    with pytest.raises(requests.exceptions.TooManyRedirects):
        get_download(market, loop, allow_redirects=True)
    location = get_download(market, elsewhere).headers["Location"]
    assert location.startswith("http://files.elsewhere.invalid/")


def test_faults_keep_to_their_match_and_number_and_can_be_cleared(market, publish):
    struck, spared = publish(), publish()
    market.fault("html_502", match=struck, times=2)
    market.fault("status_429", match=struck, times=None)

    statuses = [get_download(market, struck).status_code for _ in range(4)]

    assert statuses == [502, 502, 429, 429]
    assert get_download(market, spared).status_code == 307
    market.clear_faults()
    assert get_download(market, struck).status_code == 307
    assert [record.status for record in market.requests][:4] == statuses
    with pytest.raises(KeyError):
        market.fault("no_such_kind")


def test_an_expired_link_does_not_use_up_a_fault_of_the_body(market, publish):
    lora = publish(BYTES)
    link = get_link(market, lora)
    market.expire_links()
    market.fault("wrong_bytes", match=lora)

    assert requests.get(link, timeout=5).status_code == 403
    assert requests.get(get_link(market, lora), timeout=5).content != BYTES


def test_every_kind_of_fault_has_an_origin():
    assert {kind.origin for kind in KINDS.values()} == {"site", "storage", "images"}
