"""The HTTP layer: where a request may lead, and who gets the token."""

from __future__ import annotations

import pytest
from support.marketplace import Marketplace
from support.transports import TOKEN, Waits, answering, assert_says_no_secret, make_transport

from satchel.errors import BadResponseError, ForbiddenUrlError
from satchel.marketplaces.transport import Transport, public_url
from satchel.marketplaces.url_policy import UrlPolicy
from satchel.settings import origin_of


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
