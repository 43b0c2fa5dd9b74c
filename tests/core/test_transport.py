"""The one HTTP layer: hops, addresses, tokens, failures, patience."""

from __future__ import annotations

import gzip
import http.server
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.errors import (
    AccessDeniedError,
    BadResponseError,
    CancelledError,
    ForbiddenUrlError,
    QuotaExceededError,
    RateLimitedError,
    SatchelError,
    UnavailableError,
)
from satchel.marketplaces.hosts import CIVITAI
from satchel.marketplaces.transport import Transport, public_url
from satchel.marketplaces.url_policy import UrlPolicy
from satchel.progress import Cancellation
from satchel.settings import origin_of

TOKEN = "0123456789abcdef0123456789abcdef"
BATCH = "/api/v1/model-versions/by-hash"


class Waits(Cancellation):
    """Writes down how long it should have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.check()


@pytest.fixture
def market():
    with Marketplace(keys=(TOKEN,)) as market:
        yield market


@pytest.fixture
def lora(market, tmp_path):
    return market.publish(write_safetensors(tmp_path / "a.safetensors"), model_name="Ink")


@pytest.fixture
def waits():
    return Waits()


@pytest.fixture
def transport(market, waits):
    return make_transport(waits, market.site_url, market.storage_url)


def make_transport(waits: Waits, site: str, *others: str) -> Transport:
    return Transport(
        UrlPolicy(frozenset({origin_of(url) for url in (site, *others)}), CIVITAI),
        token=TOKEN,
        token_origin=origin_of(site),
        cancellation=waits,
    )


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[tuple[str, list]]:
    """A server with one answer to everything: its address and the requests it got."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self)
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()


def assert_says_no_secret(error: SatchelError) -> None:
    text = json.dumps(error.to_json())
    for secret in (TOKEN, "X-Amz", "Signature", "fileId", "?"):
        assert secret not in text


# --- where a request may lead --------------------------------------------------------------------


def test_a_download_is_followed_to_the_storage_without_the_token(transport, market, lora, tmp_path):
    url = f"{market.site_url}/api/download/models/{lora.version_id}"

    with transport.open("GET", url) as response:
        assert response.raw.read() == (tmp_path / "a.safetensors").read_bytes()

    site, storage = market.requests
    assert (site.origin, storage.origin) == ("site", "storage")
    assert site.headers["Authorization"] == f"Bearer {TOKEN}"
    assert "Authorization" not in storage.headers
    for request in (site, storage):
        assert request.headers["User-Agent"].startswith("ComfyUI-Satchel/")
        assert TOKEN not in str(request.query)


def test_the_token_is_for_one_origin_and_not_for_another_trusted_one(transport, market):
    with Marketplace() as other:
        both = make_transport(Waits(), market.site_url, other.site_url)
        market.fault("redirect", location=f"{other.site_url}/api/v1/me")

        both.json("GET", f"{market.site_url}/api/v1/me")
        both.json("GET", f"{other.site_url}/api/v1/me")

        assert [("Authorization" in request.headers) for request in other.requests] == [False] * 2
    assert "Authorization" in market.requests[0].headers


def test_credentials_of_the_users_netrc_are_not_sent(transport, market, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    transport.open("GET", f"{market.storage_url}/x").close()

    assert "Authorization" not in market.requests[0].headers


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "https://[::1]/",
        "https://evil.com/a.safetensors?token=1",
        "https://evil.com\\.civitai.com/a",
        "http://bucket.r2.cloudflarestorage.com/a",
        "https://bucket.r2.cloudflarestorage.com:8443/a",
        "https://user:secret@civitai.com/a",
        "//evil.com/a",
        "file:///etc/passwd",
        "ftp://civitai.com/a",
    ],
)
def test_a_redirect_elsewhere_is_refused_before_anything_is_sent(transport, market, location):
    market.fault("redirect", location=location)

    with pytest.raises(ForbiddenUrlError) as caught:
        transport.open("GET", f"{market.site_url}/api/v1/me")

    assert_says_no_secret(caught.value)
    assert len(market.requests) == 1


def test_a_first_url_outside_the_allowlist_is_refused(transport):
    for url in ("https://evil.com/a", "https://bucket.r2.cloudflarestorage.com/a"):
        with pytest.raises(ForbiddenUrlError):
            transport.open("GET", url)


def test_a_relative_redirect_is_followed(transport, market):
    market.fault("redirect", location="/api/v1/enums")

    status, body, _ = transport.json("GET", f"{market.site_url}/api/v1/me")

    assert (status, "ModelType" in body) == (200, True)


def test_a_redirect_loop_ends(transport, market):
    market.fault("redirect_loop", times=None)

    with pytest.raises(BadResponseError, match="circles") as caught:
        transport.open("GET", f"{market.site_url}/api/v1/me?token={TOKEN}")

    assert_says_no_secret(caught.value)
    assert len(market.requests) == 6


# --- addresses -----------------------------------------------------------------------------------


def dns(monkeypatch, answers: list[list[str]]) -> list[str]:
    """Each look-up of a name takes the next list of addresses; returns the names asked for."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **options):
        if asked and host in answers[min(len(asked), len(answers)) - 1]:
            return real(host, port, *args, **options)  # the connection itself, by number
        asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers[min(len(asked), len(answers)) - 1]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def record_connections(monkeypatch) -> list[tuple[str, int]]:
    tried: list[tuple[str, int]] = []

    def create_connection(address, *args, **options):
        tried.append(address)
        raise OSError("nobody is there")

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return tried


@pytest.mark.parametrize("host", ["civitai.com", "bucket.r2.cloudflarestorage.com"])
def test_a_redirect_to_a_name_that_leads_inside_is_refused(transport, market, monkeypatch, host):
    dns(monkeypatch, [["127.0.0.1"], ["10.0.0.7"]])
    market.fault("redirect", location=f"https://{host}/a")

    with pytest.raises(ForbiddenUrlError, match=r"10\.0\.0\.7"):
        transport.open("GET", f"{market.site_url}/api/v1/me")


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch):
    asked = dns(monkeypatch, [["104.18.2.3"], ["127.0.0.1"]])
    tried = record_connections(monkeypatch)

    with pytest.raises(UnavailableError, match="cannot be reached"):
        Transport(UrlPolicy(frozenset(), CIVITAI)).open("GET", "https://civitai.com/a?token=secret")

    assert (asked, tried) == (["civitai.com"], [("104.18.2.3", 443)])


def test_every_address_of_a_name_is_tried(monkeypatch, market):
    """As on machines whose IPv6 is announced but leads nowhere."""
    port = int(market.site_url.rpartition(":")[2])
    real = socket.getaddrinfo

    def getaddrinfo(host, *args, **options):
        if host != "mirror.lan":
            return real(host, *args, **options)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    transport = make_transport(Waits(), f"http://mirror.lan:{port}")

    assert transport.json("GET", f"http://mirror.lan:{port}/api/v1/enums")[0] == 200


def test_a_server_that_is_down_cannot_be_reached(waits):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    transport = make_transport(waits, f"http://127.0.0.1:{port}")

    with pytest.raises(UnavailableError, match="cannot be reached") as caught:
        transport.json("GET", f"http://127.0.0.1:{port}/a?fileId=1")

    assert_says_no_secret(caught.value)
    assert len(waits.waited) == 2


def test_a_proxy_of_the_environment_is_used(monkeypatch, waits):
    with answering(200, b'{"from": "the proxy"}') as (proxy, got):
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        transport = make_transport(waits, "http://mirror.lan")

        assert transport.json("GET", "http://mirror.lan/a")[:2] == (200, {"from": "the proxy"})

    assert got[0].path == "http://mirror.lan/a"


# --- answers that are none -----------------------------------------------------------------------


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


def test_connections_are_used_again_by_whoever_has_the_same_policy(market, waits, monkeypatch):
    opened = []
    real = socket.create_connection

    def create_connection(*args, **options):
        opened.append(args)
        return real(*args, **options)

    monkeypatch.setattr(socket, "create_connection", create_connection)

    for _ in range(5):
        make_transport(waits, market.site_url).json("GET", f"{market.site_url}/api/v1/enums")
        make_transport(waits, market.site_url).json("GET", f"{market.site_url}/api/v1/models/1")

    assert len(opened) == 1


def test_the_token_does_not_come_back_after_a_detour(transport, market):
    back = f"{market.site_url}/api/v1/enums"
    market.fault("redirect", location=f"{market.storage_url}/a")
    market.fault("redirect", origin="storage", location=back)

    with transport.open("GET", f"{market.site_url}/api/v1/me", headers={"Cookie": "a=b"}) as answer:
        assert answer.url == back

    sent = [("Authorization" in one.headers, "Cookie" in one.headers) for one in market.requests]
    assert sent == [(True, True), (False, False), (False, False)]


def test_the_token_stays_on_a_redirect_to_the_same_origin(transport, market):
    market.fault("redirect", location="/api/v1/me")

    assert transport.json("GET", f"{market.site_url}/api/v1/enums").status == 200
    assert ["Authorization" in request.headers for request in market.requests] == [True, True]


def test_a_redirect_elsewhere_can_be_the_answer(transport, market, lora):
    url = f"{market.site_url}/api/download/models/{lora.version_id}"
    market.fault("redirect", location=url)

    with transport.open("GET", url, follow="same_origin") as answer:
        assert (answer.status_code, answer.headers["Location"][:22]) == (307, market.storage_url)

    assert [request.origin for request in market.requests] == ["site", "site"]


def test_what_a_site_sets_as_a_cookie_is_not_kept(waits):
    with answering(200, b"{}", Set_Cookie="session=1; Path=/") as (url, got):
        transport = make_transport(waits, url)
        transport.json("GET", url)
        transport.json("GET", url)

    assert ["Cookie" in request.headers for request in got] == [False, False]


def test_a_token_may_have_another_scheme(market):
    transport = Transport(
        UrlPolicy(frozenset({origin_of(market.site_url)})),
        token="abc", token_origin=origin_of(market.site_url), scheme="Key",
    )  # fmt: skip

    transport.json("GET", f"{market.site_url}/api/v1/enums")

    assert market.requests[0].headers["Authorization"] == "Key abc"


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 100_000, b'{"a": \xff}', b"\x00"])
def test_json_that_nobody_can_read_is_a_bad_answer(waits, body):
    with (
        answering(200, body, Content_Type="application/json") as (url, _),
        pytest.raises(BadResponseError, match="is no JSON"),
    ):
        make_transport(waits, url).json("GET", url)


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


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://user:secret@host:8443/a/b?token=secret#secret", "https://host/a/b"),
        ("https://host", "https://host"),
        ("", "://"),
    ],
)
def test_a_url_to_show_has_no_query_and_no_credentials(url, public):
    assert public_url(url) == public
