"""What Hugging Face's refusals mean, in one sentence each.

`X-Error-Code` tells most of them apart (huggingface_hub 1.29, `utils/_http.py`). Without one, two
messages are told by their whole text, as that library does it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import (
    AccessDeniedError,
    BadResponseError,
    GoneError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
)
from .huggingface_records import MARKETPLACE, SITE

DISABLED = "Access to this resource is disabled."
TOKEN_HINT = (
    f"Create a token that may read at {SITE}/settings/tokens and set it:"
    " satchel auth set huggingface, or HF_TOKEN in the server's environment."
)
TOKEN_REFUSED = (
    "Hugging Face does not accept the token that is set, so it was asked without one."
    " Create a new token and set it (satchel auth set huggingface), or clear it."
)


def refusal(
    status: int,
    headers: Mapping[str, str],
    body_message: str,
    repository: str,
    *,
    has_token: bool,
    token_refused: bool = False,
) -> MarketplaceError:
    """The error for an answer that trying again does not change.

    Args:
        body_message: the answer's own `error`, for what has no header.
        has_token: whether one was sent with what was refused.
        token_refused: whether one was refused before, and left out then.
    """
    error = _refusal(status, headers, body_message, repository, has_token)
    if token_refused:
        error.hint = f"{TOKEN_REFUSED} {error.hint}"
    return error


def _refusal(
    status: int, headers: Mapping[str, str], body_message: str, repository: str, has_token: bool
) -> MarketplaceError:
    code = headers.get("X-Error-Code", "")
    message = headers.get("X-Error-Message", "") or body_message
    facts = {"marketplace": MARKETPLACE, "status": status, "code": code}
    page = f"{SITE}/{repository}"
    if code == "GatedRepo":
        return _gated(repository, page, facts, has_token)
    if status in (401, 404) or code.endswith("NotFound"):
        return _missing(repository, page, facts, has_token)
    if status == 403 and message == DISABLED:
        return GoneError(
            f"Hugging Face has disabled access to {repository}.",
            hint="A token does not help. Another source may have the file.",
            **facts,
        )
    if status in (403, 451):
        said = f" It says: {message[:200]}" if message else ""
        return AccessDeniedError(
            f"Hugging Face refuses access to {repository}.{said}",
            hint="The token may not cover this repository: check its permissions at"
            f" {SITE}/settings/tokens .",
            **facts,
        )
    return BadResponseError(
        f"Hugging Face refused a request about {repository} (HTTP {status})."
        + (f" It says: {message[:200]}" if message else ""),
        hint="This is a fault in Satchel or a change at Hugging Face; please report it.",
        **facts,
    )


def _missing(
    repository: str, page: str, facts: Mapping[str, object], has_token: bool
) -> MarketplaceError:
    what = {"RevisionNotFound": "no such revision", "EntryNotFound": "no such file (any more)"}
    code = str(facts["code"])
    if code in what:
        return NotFoundError(
            f"{repository} has {what[code]} on Hugging Face.",
            hint=f"What it has is listed at {page}/tree/main .",
            **facts,
        )
    return NotFoundError(
        f"Hugging Face has no repository {repository}, or it is private.",
        hint="Check the name." if has_token else f"Check the name. If it is private: {TOKEN_HINT}",
        **facts,
    )


def _gated(
    repository: str, page: str, facts: Mapping[str, object], has_token: bool
) -> MarketplaceError:
    if has_token:
        return AccessDeniedError(
            f"{repository} is gated on Hugging Face, and your account has no access to it yet.",
            hint=f"Ask for access, or accept its terms, at {page} .",
            **facts,
        )
    return LoginRequiredError(
        f"{repository} is gated on Hugging Face: it asks for a login.",
        hint=f"Accept its terms at {page} while logged in. {TOKEN_HINT}",
        **facts,
    )
