"""What Civitai's refusals mean, in one sentence each (civitai/civitai at `ebed661`, 2026-08-08)."""

from __future__ import annotations

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


def raise_for_download(response: requests.Response, site: str, *, has_token: bool) -> None:
    """Lets an answer pass that is a file, a part of one, or 416; raises for any other.

    Args:
        site: origin of the API; anything else is the storage that it redirected to.
    """
    status = response.status_code
    if status in (200, 206):
        if "text/html" in response.headers.get("Content-Type", ""):
            at_login = "/login" in (response.url or "")
            raise login_required(has_token=has_token) if at_login else _page_not_file()
        return
    if status == 416:
        return
    if origin_of(response.url or site) != site and status in (400, 403):
        raise UnavailableError(
            "Civitai's storage refused the link, most likely because it has expired.",
            hint="Try again: a fresh link is asked for each time.",
            marketplace=MARKETPLACE,
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
    raise _refusal(status, body, has_token)


def _refusal(status: int, body: Any, has_token: bool) -> MarketplaceError:
    """The error for a refusal that trying again does not change."""
    if status == 401:
        return disabled() if "disabled" in message(body) else login_required(has_token=has_token)
    if status == 403:
        deadline = body.get("deadline") if isinstance(body, dict) else None
        if "Early Access" in message(body):
            return early_access(deadline if isinstance(deadline, str) else "")
        return no_access()
    if status == 404:
        return NotFoundError(
            "Civitai does not have this file (any more).",
            hint="Another source may have it.",
            **_facts(404),
        )
    if status == 410:
        return archived()
    if status == 451:
        return region_blocked()
    return BadResponseError(
        f"Civitai refused the download (HTTP {status}): {message(body)}",
        hint="This is a fault in Satchel or a change at Civitai; please report it.",
        **_facts(status),
    )


def archived() -> GoneError:
    return GoneError(
        "The model is archived on Civitai and not available for download.",
        hint="Another source may have it.",
        **_facts(410),
    )


def disabled() -> AccessDeniedError:
    return AccessDeniedError(
        "The creator has disabled downloads of this file on Civitai.",
        hint="A token does not help; look for it elsewhere.",
        **_facts(401),
    )


def no_access() -> AccessDeniedError:
    return AccessDeniedError(
        "Civitai refuses this: it is private, or this account or address is blocked.",
        hint="Open the model's page while logged in to see why.",
        **_facts(403),
    )


def early_access(deadline: str) -> AccessDeniedError:
    """Without a deadline it is for sale only."""
    return AccessDeniedError(
        "The file is in Early Access on Civitai" + (f" until {deadline}." if deadline else "."),
        hint=("Wait for the date, or buy" if deadline else "Buy")
        + " access on Civitai and set a token: satchel auth set civitai.",
        deadline=deadline or None,
        **_facts(403),
    )


def login_required(*, has_token: bool = False) -> LoginRequiredError:
    """Civitai takes a token that it does not know for none at all."""
    if has_token:
        return LoginRequiredError(
            "Civitai does not accept the token that is set.",
            hint="Make a new API key on Civitai and set it: satchel auth set civitai.",
            **_facts(401),
        )
    return LoginRequiredError(
        "Its creator asks for a login on Civitai.",
        hint="Set a Civitai API key: satchel auth set civitai, or CIVITAI_API_TOKEN in the"
        " server's environment.",
        **_facts(401),
    )


def _page_not_file() -> UnavailableError:
    return UnavailableError(
        "Civitai answered with a web page instead of the file.",
        hint="Try again later.",
        **_facts(200),
    )


def region_blocked() -> AccessDeniedError:
    return AccessDeniedError(
        "Civitai does not serve this region.",
        hint="Another source may have the file.",
        **_facts(451),
    )


def unexpected(route: str) -> BadResponseError:
    return BadResponseError(
        f"Civitai's {route} answer has an unknown shape.",
        hint="Update Satchel: the API may have changed.",
        marketplace=MARKETPLACE,
    )


def _facts(status: int) -> dict[str, Any]:
    return {"marketplace": MARKETPLACE, "status": status}
