"""Every way in which Civitai refuses, as recorded: what the user is told, and whether again.

`tests/data/marketplace/civitai_refusals.json` has the answers; shapes as read in civitai/civitai.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.marketplace import Marketplace
from support.marketplace.messages import Reply
from support.workspaces import sources_of

from satchel.errors import (
    AccessDeniedError,
    BadResponseError,
    GoneError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
    QuotaExceededError,
    RateLimitedError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.civitai import Civitai
from satchel.marketplaces.records import SearchQuery
from satchel.progress import Cancellation
from satchel.references import CivitaiReference, DigestReference
from satchel.settings import Settings, origin_of

DATA = Path(__file__).resolve().parents[2] / "data" / "marketplace"
ROWS = {row["name"]: row for row in json.loads((DATA / "civitai_refusals.json").read_text("utf-8"))}
KEY = "0123456789abcdef0123456789abcdef"


class Patient(Cancellation):
    def wait(self, seconds: float) -> None:
        self.check()


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def civitai(market):
    origins = frozenset({origin_of(market.storage_url)})
    return Civitai(Settings(sources_of(market), trusted_origins=origins), Patient())


def replay(market: Marketplace, name: str) -> None:
    row = ROWS[name]
    body = row.get("text", "") if "body" not in row else json.dumps(row["body"])
    reply = Reply(row["status"], row["headers"], body.encode())
    market.fault("recorded", times=None, reply=reply)


def told(error: MarketplaceError, sentence: str, hint: str) -> None:
    assert sentence in str(error)
    assert hint in error.hint
    assert str(error).endswith(".") or "HTTP" in str(error) or ":" in str(error)
    text = json.dumps(error.to_json())
    assert KEY not in text
    assert "<html" not in text


DOWNLOADS = [
    ("bad_version_id", BadResponseError, "HTTP 400): ✖ Invalid input", "please report", False),
    ("bad_enum_param", BadResponseError, "HTTP 400): ✖ Invalid option", "please report", False),
    ("login_required_nonbrowser", LoginRequiredError, "asks for a login", "auth set civitai",
     False),
    ("login_page_html_200", UnavailableError, "web page instead of the file", "later", True),
    ("downloads_disabled", AccessDeniedError, "disabled downloads", "does not help", False),
    ("early_access_nonbrowser", AccessDeniedError, "Early Access on Civitai until 2026-12-31",
     "Wait for the date, or buy", False),
    ("no_access_private", AccessDeniedError, "private", "while logged in", False),
    ("blacklisted", AccessDeniedError, "this account or address is blocked", "page", False),
    ("waf_block_python_urllib", AccessDeniedError, "against robots", "by hand", False),
    ("not_found", NotFoundError, "does not have this file", "Another source", False),
    ("resolve_failed_transient", UnavailableError, "this time", "Try again", True),
    ("archived", GoneError, "archived on Civitai", "Another source", False),
    ("download_quota", QuotaExceededError, "unusual amount of downloading", "much later", False),
    ("internal", UnavailableError, "HTTP 500", "later", True),
    ("legacy_key_route_unavailable", UnavailableError, "HTTP 503", "later", True),
]  # fmt: skip
BROWSER_ROWS = {"login_required_browser_ua", "early_access_browser_ua"}


@pytest.mark.parametrize(("name", "kind", "sentence", "hint", "again"), DOWNLOADS)
def test_a_refused_download_is_told(civitai, market, name, kind, sentence, hint, again):
    replay(market, name)

    with pytest.raises(kind) as caught:
        civitai.open_download(Source("civitai", "https://civitai.com/", version_id=5), {})

    assert type(caught.value) is kind
    told(caught.value, sentence, hint)
    # What the downloader tries again; everything else goes on to the next source at once.
    assert isinstance(caught.value, UnavailableError | RateLimitedError) == again


@pytest.mark.parametrize(
    ("name", "kind", "sentence"),
    [
        ("login_required_browser_ua", LoginRequiredError, "asks for a login"),
        ("early_access_browser_ua", UnavailableError, "web page instead of the file"),
    ],
)
def test_a_redirect_to_a_page_is_no_file(civitai, market, name, kind, sentence):
    """The site redirects what looks like a browser; a proxy may make us look like one."""
    row = ROWS[name]
    market.fault("recorded", reply=Reply(row["status"], row["headers"]))

    with pytest.raises(kind, match=sentence):
        civitai.open_download(Source("civitai", "https://civitai.com/", version_id=5), {})


def test_an_early_access_for_sale_has_no_date(civitai, market):
    replay_of = dict(ROWS["early_access_nonbrowser"]["body"])
    del replay_of["deadline"]
    market.fault("recorded", reply=Reply(403, {}, json.dumps(replay_of).encode()))

    with pytest.raises(AccessDeniedError, match=r"Early Access on Civitai\.") as caught:
        civitai.open_download(Source("civitai", "https://civitai.com/", version_id=5), {})

    assert caught.value.hint.startswith("Buy access")


def test_a_token_that_is_refused_is_told_as_such(market):
    civitai = Civitai(Settings(sources_of(market, "expired")), Patient())
    replay(market, "login_required_nonbrowser")

    with pytest.raises(LoginRequiredError, match="does not accept the token") as caught:
        civitai.open_download(Source("civitai", "https://civitai.com/", version_id=5), {})

    assert "new API key" in caught.value.hint
    assert "expired" not in json.dumps(caught.value.to_json())


def by_model(civitai):
    return civitai.versions(CivitaiReference(910001))


def by_version(civitai):
    return civitai.versions(CivitaiReference(None, 1020101))


def by_batch(civitai):
    return civitai.find_sources(["1" * 64])


def by_list(civitai):
    return civitai.search(SearchQuery("ink"))


API = [
    ("model_id_not_a_number", by_model, BadResponseError, "HTTP 400", 1),
    ("model_id_overflow", by_model, BadResponseError, "HTTP 400", 1),
    ("model_not_found", by_model, NotFoundError, "does not have it", 1),
    ("version_missing_id", by_version, BadResponseError, "Missing modelVersionId", 1),
    ("version_not_found", by_version, NotFoundError, "does not have it", 1),
    ("version_without_primary_file", by_version, NotFoundError, "does not have it", 1),
    ("version_db_failure", by_version, UnavailableError, "HTTP 500", 3),
    ("batch_bad_hash", by_batch, BadResponseError, "SHA256 Hashes", 1),
    ("batch_too_many", by_batch, BadResponseError, "SHA256 Hashes", 1),
    ("list_bad_param", by_list, BadResponseError, "Too big", 1),
    ("list_page_with_query", by_list, BadResponseError, "Cannot use page param", 1),
    ("list_too_deep", by_list, QuotaExceededError, "use cursors instead", 1),
    ("list_favorites_anonymous", by_list, LoginRequiredError, "asks for a login", 1),
    ("list_search_overloaded", by_list, UnavailableError, "HTTP 503", 3),
    ("trpc_string_error", by_list, BadResponseError, "User not found", 1),
    ("generic_500", by_model, UnavailableError, "HTTP 500", 3),
    ("method_not_allowed", by_version, BadResponseError, "HTTP 405", 1),
    ("cloudflare_429", by_list, RateLimitedError, "asks for a pause", 1),
    ("region_blocked", by_list, AccessDeniedError, "does not serve this region", 1),
    ("articles_rate_limited", by_list, RateLimitedError, "asks for a pause", 1),
    ("cloudflare_502", by_model, UnavailableError, "HTTP 502", 3),
    ("cloudflare_520_text", by_model, UnavailableError, "HTTP 520", 3),
    ("cloudflare_524", by_list, UnavailableError, "HTTP 524", 3),
    ("cloudflare_challenge", by_list, AccessDeniedError, "against robots", 1),
    ("maintenance_200_html", by_list, UnavailableError, "web page instead of data", 3),
    ("next_404_html", by_list, BadResponseError, "web page instead of data (HTTP 404)", 1),
    ("empty_200", by_list, BadResponseError, "is no JSON", 1),
    ("truncated_json", by_list, BadResponseError, "is no JSON", 1),
]
QUIET_ROWS = {"hash_not_found", "me_unauthorized"}


@pytest.mark.parametrize(("name", "ask", "kind", "sentence", "requests"), API)
def test_a_refused_question_is_told(civitai, market, name, ask, kind, sentence, requests):
    """37 s and 60 s are more patience than a question gets, so those are not asked again."""
    replay(market, name)

    with pytest.raises(kind) as caught:
        ask(civitai)

    assert type(caught.value) is kind
    told(caught.value, sentence, "")
    assert caught.value.hint
    assert len(market.requests) == requests


def test_a_digest_that_nobody_has_is_a_miss_and_no_error(civitai, market):
    replay(market, "hash_not_found")

    assert civitai.find_version(DigestReference("AutoV2", "deadbeef00")) is None


def test_only_one_route_tells_that_a_token_is_refused(market):
    def state(token):
        return Civitai(Settings(sources_of(market, token)), Patient()).check_token()

    assert [state(None), state(KEY), state("expired")] == ["unset", "accepted", "refused"]
    market.fault("html_502", times=None)
    assert state(KEY) == "unknown"


def test_every_recorded_refusal_has_its_test():
    tested = {name for name, *_ in (*DOWNLOADS, *API)}

    assert set(ROWS) == tested | BROWSER_ROWS | QUIET_ROWS
