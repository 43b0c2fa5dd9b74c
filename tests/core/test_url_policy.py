"""Which URLs may be opened, and which addresses they may lead to."""

from __future__ import annotations

import socket

import pytest

from satchel.errors import ForbiddenUrlError, UnavailableError
from satchel.marketplaces.hosts import CIVITAI
from satchel.marketplaces.url_policy import UrlPolicy
from satchel.settings import Settings, SourceSettings

BUCKET = "civitai-delivery-worker-prod.0123.r2.cloudflarestorage.com"


@pytest.fixture
def policy():
    return UrlPolicy.of_source("civitai", Settings())


def answer_dns(monkeypatch, *addresses: str) -> None:
    def getaddrinfo(host, port, *args, **options):
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.parametrize("host", sorted(CIVITAI.site))
def test_the_marketplaces_hosts_are_open(policy, host):
    for url in (f"https://{host}/api/v1/models", f"https://{host}:443/", f"HTTPS://{host.upper()}"):
        policy.check(url)
        policy.check(url, redirected=True)


@pytest.mark.parametrize(
    "url",
    [
        f"https://{BUCKET}/771204/model/a.safetensors?X-Amz-Expires=86400",
        "https://f004.backblazeb2.com/file/a.safetensors",
        "https://image.civitai.com/a.png",
        "https://b2.civitai.red/a.safetensors",
    ],
)
def test_storage_is_open_to_a_redirect_and_to_nothing_else(policy, url):
    policy.check(url, redirected=True)

    with pytest.raises(ForbiddenUrlError, match="outside the allowlist"):
        policy.check(url)


REFUSED = [
    "http://civitai.com/",
    "ftp://civitai.com/",
    "file:///etc/passwd",
    "//civitai.com/a",
    "/api/v1",
    "civitai.com",
    "",
    "https://",
    "https://civitai.com:80/",
    "https://civitai.com:8443/",
    "https://civitai.com:0/",
    "https://civitai.com:99999/",
    "https://civitai.com:x/",
    "https://[::1/",
    "https://[civitai.com]/",
    "https://user:secret@civitai.com/",
    "https://user@civitai.com/",
    "https://:secret@civitai.com/",
    "https://@civitai.com/",
    "https://civitai.com@evil.com/",
    "https://civitai.com:443@evil.com/",
    "https://civitai.com.evil.com/",
    "https://evilcivitai.com/",
    "https://evil.com/civitai.com",
    "https://evil.com?civitai.com",
    "https://evil.com#.civitai.com",
    "https://civitai.com./",
    "https://civitai.com%2eevil.com/",
    "https://civitai.com%00.evil.com/",
    "https://civitai.comm/",
    "https://civit.ai/",
    "https://xn--cvitai-5va.com/",
    "https://cıvitai.com/",
    "https://ⅽivitai.com/",
    "https://r2.cloudflarestorage.com/",
    "https://evilr2.cloudflarestorage.com/",
    "https://backblazeb2.com.evil.com/",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2130706433/",
    "https://0x7f.1/",
    # Parsers disagree on these: to urllib3 the host ends at the backslash.
    "https://evil.com\\.civitai.com/",
    "https://civitai.com\\@evil.com/",
    "https://evil.com\\@image.civitai.com/",
    "https://civitai.com\n.evil.com/",
    "https://ci\tvitai.com/",
    "https://civitai.com/\r\nHost: evil.com",
    "https://evil.com;.civitai.com/",
    "https://evil.com .civitai.com/",
    "https://evil。com.civitai.com/",
]


@pytest.mark.parametrize("url", REFUSED)
def test_anything_else_is_refused_even_to_a_redirect(policy, url):
    for redirected in (False, True):
        with pytest.raises(ForbiddenUrlError) as caught:
            policy.check(url, redirected=redirected)

        assert "secret" not in str(caught.value.to_json())


def test_only_the_operator_opens_other_origins():
    policy = UrlPolicy.of_source(
        "civitai",
        Settings(
            {"civitai": SourceSettings("http://mirror.lan:8080")},
            trusted_origins=frozenset({"https://nas.lan", "http://[::1]:9000"}),
        ),
    )

    for url in (
        "http://mirror.lan:8080/api/v1",
        "http://MIRROR.lan:8080/api/v1",
        "https://nas.lan:443/a",
        "http://[::1]:9000/a",
        "https://civitai.com/a",
    ):
        policy.check(url)
    for url in (
        "https://mirror.lan:8080/",
        "http://mirror.lan/",
        "http://nas.lan/",
        "https://nas.lan:8443/",
        "https://sub.nas.lan/",
        "https://user:secret@nas.lan/",
        "https://nas.lan\\.civitai.com/",
    ):
        with pytest.raises(ForbiddenUrlError):
            policy.check(url)


PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.5.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fd00::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "4000::1",
]
PUBLIC = ["104.18.2.3", "8.8.8.8", "2606:4700::6812:203", "64:ff9b::6812:203", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
@pytest.mark.parametrize("host", ["civitai.com", BUCKET])
def test_an_allowed_name_may_not_lead_to_a_private_address(policy, monkeypatch, host, address):
    for answers in ((address,), ("104.18.2.3", address), (address, "104.18.2.3")):
        answer_dns(monkeypatch, *answers)

        with pytest.raises(ForbiddenUrlError, match="leads to the address"):
            policy.addresses_of(host, 443, "https")


@pytest.mark.parametrize("address", PUBLIC)
def test_an_allowed_name_may_lead_to_a_public_address(policy, monkeypatch, address):
    answer_dns(monkeypatch, address, "104.18.3.3")

    assert policy.addresses_of("civitai.com", 443, "https") == (address, "104.18.3.3")


def test_the_operators_origins_may_be_private_on_their_own_port_and_scheme(monkeypatch):
    policy = UrlPolicy.of_source(
        "civitai",
        Settings(trusted_origins=frozenset({"http://nas.lan:8080", "https://civitai.com"})),
    )
    answer_dns(monkeypatch, "192.168.1.5")

    assert policy.addresses_of("nas.lan", 8080, "http") == ("192.168.1.5",)
    assert policy.addresses_of("civitai.com", 443, "https") == ("192.168.1.5",)
    for host, port, scheme in (
        ("nas.lan", 80, "http"),
        ("nas.lan", 8080, "https"),
        ("www.civitai.com", 443, "https"),
    ):
        with pytest.raises(ForbiddenUrlError):
            policy.addresses_of(host, port, scheme)


def test_a_name_that_does_not_resolve_is_a_failure_of_the_network(policy, monkeypatch):
    def getaddrinfo(*args, **options):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    with pytest.raises(UnavailableError, match=r"civitai\.com cannot be found"):
        policy.addresses_of("civitai.com", 443, "https")


def test_a_fake_ip_proxy_is_explained(policy, monkeypatch):
    answer_dns(monkeypatch, "198.18.0.7")

    with pytest.raises(ForbiddenUrlError) as caught:
        policy.addresses_of("civitai.com", 443, "https")

    assert "SATCHEL_TRUSTED_ORIGINS=https://civitai.com" in caught.value.hint
    trusting = UrlPolicy.of_source(
        "civitai", Settings(trusted_origins=frozenset({"https://civitai.com"}))
    )
    assert trusting.addresses_of("civitai.com", 443, "https") == ("198.18.0.7",)
