"""The HTTP layer: the addresses of a name, connections to them, and proxies."""

from __future__ import annotations

import socket

import pytest
from support.transports import Waits, answering, assert_says_no_secret, make_transport

from satchel.errors import ForbiddenUrlError, UnavailableError
from satchel.marketplaces.hosts import CIVITAI
from satchel.marketplaces.transport import Transport
from satchel.marketplaces.url_policy import UrlPolicy


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
