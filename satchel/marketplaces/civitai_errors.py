"""What Civitai's refusals mean, in one sentence each (civitai/civitai at `ebed661`, 2026-08-08)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from ..errors import (
    AccessDeniedError,
    BadResponseError,
    GoneError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
    UnavailableError,
)
from ..settings import origin_of
from .answers import edge_block, message, public_url, raise_for_overload, read_refusal
from .civitai_records import MARKETPLACE


def raise_for_download(response: requests.Response, site: str) -> None:
    """Lets an answer pass that is a file, a part of one, or 416; raises for any other.

    Args:
        site: origin of the API; anything else is the storage that it redirected to.
    """
    status = response.status_code
    if status in (200, 206):
        if "text/html" in response.headers.get("Content-Type", ""):
            raise login_required() if "/login" in (response.url or "") else _page_not_file()
        return
    if status == 416:
        return
    if origin_of(response.url or site) != site and status in (400, 403):
        raise UnavailableError(
            "Civitai's storage refused the link, most likely because it has expired.",
            hint="Try again: a fresh link is asked for each time.",
            status=status,
            url=public_url(response.url or ""),
        )
    raise_for_overload(response)
    if status == 404 and "private" in response.headers.get("Cache-Control", ""):
        raise UnavailableError(
            "Civitai's storage did not find the file this time.",
            hint="Try again.",
            marketplace=MARKETPLACE,
            status=status,
        )
    body = read_refusal(response)
    if status == 403 and body is None:  # the site's own refusals are JSON
        raise edge_block(response)
    raise _refusal(status, body)


def _refusal(status: int, body: Any) -> MarketplaceError:
    """The error for a refusal that trying again does not change."""
    text = message(body)
    facts = {"marketplace": MARKETPLACE, "status": status}
    if status == 401:
        return _disabled(facts) if "disabled" in text else login_required()
    if status == 403:
        return _early_access(body, facts) if "Early Access" in text else _private(facts)
    if status == 404:
        return NotFoundError(
            "Civitai does not have this file (any more).",
            hint="Another source may have it.",
            **facts,
        )
    if status == 410:
        return GoneError(
            "The model is archived on Civitai and not available for download.",
            hint="Another source may have it.",
            **facts,
        )
    if status == 451:
        return region_blocked()
    return BadResponseError(
        f"Civitai refused the download (HTTP {status}): {text}",
        hint="This is a fault in Satchel or a change at Civitai; please report it.",
        **facts,
    )


def _disabled(facts: Mapping[str, Any]) -> AccessDeniedError:
    return AccessDeniedError(
        "The creator has disabled downloads of this file on Civitai.",
        hint="A token does not help; look for it elsewhere.",
        **facts,
    )


def _private(facts: Mapping[str, Any]) -> AccessDeniedError:
    return AccessDeniedError(
        "Civitai refuses this download: it is private, or this account is blocked.",
        hint="Open the model's page while logged in to see why.",
        **facts,
    )


def _early_access(body: Any, facts: Mapping[str, Any]) -> AccessDeniedError:
    deadline = body.get("deadline") if isinstance(body, dict) else None
    return AccessDeniedError(
        "The file is in Early Access on Civitai" + (f" until {deadline}." if deadline else "."),
        hint="Wait for the date, or buy access on Civitai and set CIVITAI_API_TOKEN.",
        deadline=deadline,
        **facts,
    )


def login_required() -> LoginRequiredError:
    return LoginRequiredError(
        "Its creator asks for a login on Civitai.",
        hint="Set CIVITAI_API_TOKEN in the server's environment to a Civitai API key.",
        marketplace=MARKETPLACE,
    )


def _page_not_file() -> UnavailableError:
    return UnavailableError(
        "Civitai answered with a web page instead of the file.", hint="Try again later."
    )


def region_blocked() -> AccessDeniedError:
    return AccessDeniedError(
        "Civitai does not serve this region.",
        hint="Another source may have the file.",
        marketplace=MARKETPLACE,
        status=451,
    )


def unexpected(route: str) -> BadResponseError:
    return BadResponseError(
        f"Civitai's {route} answer has an unknown shape.",
        hint="Update Satchel: the API may have changed.",
        marketplace=MARKETPLACE,
    )
