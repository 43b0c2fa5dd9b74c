"""HTTP answers: their bodies within bounds, and what they say when they are refusals.

`Retry-After` as in RFC 9110 10.2.3; `ratelimit: "api";r=0;t=55` as Hugging Face sends it
(draft-ietf-httpapi-ratelimit-headers: `r` what is left, `t` seconds until it is full again).
"""

from __future__ import annotations

import json
import math
import re
import time
import zlib
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError

from ..errors import (
    AccessDeniedError,
    BadResponseError,
    MarketplaceError,
    QuotaExceededError,
    RateLimitedError,
    UnavailableError,
)

MAX_JSON_BYTES = 32 * 1024 * 1024
MAX_REFUSAL_BYTES = 64 * 1024
"""How much of an error's body is read; the sites' own are a few hundred bytes."""
MAX_BODY_S = 120.0
"""How long a body that fits into memory may take; slower ones are not waited for."""
_READ_BYTES = 64 * 1024
_RATELIMIT_T = re.compile(r"(?:^|[;,\s])t=(\d{1,6})")
_RATELIMIT_R = re.compile(r"(?:^|[;,\s])r=(\d{1,9})")


class Answer(NamedTuple):
    """What an API answered."""

    status: int
    body: Any
    """Parsed JSON."""
    headers: Mapping[str, str]
    """Their names in any case."""


def read_body(response: requests.Response, most: int) -> bytes:
    """The body, decoded and at most one byte longer than `most`: longer is for the caller to tell.

    A compressed body is undone here, with the same bound: a few bytes may stand for gigabytes.

    Raises:
        UnavailableError: the connection broke, or the body came too slowly.
        BadResponseError: it is in an encoding that was not asked for.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise bad_answer(response, f"is encoded as {encoding[:20]!r}, which was not asked for")
    undo = None if encoding in ("", "identity") else zlib.decompressobj(zlib.MAX_WBITS | 32)
    body, deadline = bytearray(), time.monotonic() + MAX_BODY_S
    try:
        while len(body) <= most:
            chunk = response.raw.read(_READ_BYTES, decode_content=False)
            if not chunk:
                break
            room = most + 1 - len(body)
            body += chunk[:room] if undo is None else undo.decompress(chunk, room)
            if time.monotonic() > deadline:
                raise unavailable(response)
    except zlib.error:
        raise bad_answer(response, "is not compressed as it says") from None
    except (HTTPError, OSError) as error:
        raise unavailable(response) from error
    return bytes(body)


def read_json(response: requests.Response) -> Any:
    """The body of an answer as JSON.

    Raises:
        RateLimitedError, UnavailableError: worth another try later.
        QuotaExceededError, AccessDeniedError: not worth one.
        BadResponseError: no JSON, or far too large.
    """
    raise_for_overload(response)
    body = read_body(response, MAX_JSON_BYTES)
    if len(body) > MAX_JSON_BYTES:
        raise bad_answer(response, "is far too large")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _no_json(response, body) from None


def _no_json(response: requests.Response, body: bytes) -> MarketplaceError:
    page = "html" in response.headers.get("Content-Type", "") or body.lstrip()[:1] == b"<"
    status = response.status_code
    if status == 403:  # the sites' own refusals are JSON; this one comes from in front of them
        return edge_block(response)
    if status < 400 and page:
        return UnavailableError(
            f"{_host(response)} answers with a web page instead of data.",
            hint="It may be down for maintenance: try again later.",
            **_facts(response),
        )
    what = f"is a web page instead of data (HTTP {status})" if page else "is no JSON"
    return bad_answer(response, what)


def read_refusal(response: requests.Response) -> Any:
    """The JSON of an error's body; None when it is none, or cannot be read."""
    try:
        return json.loads(read_body(response, MAX_REFUSAL_BYTES))
    except (ValueError, RecursionError, MarketplaceError):
        return None


def raise_for_overload(response: requests.Response) -> None:
    """Turns 408, 429 and 5xx into errors that say whether a retry is worth it.

    A 429 in the site's own JSON that names no pause is a limit that waiting does not lift.
    """
    status = response.status_code
    if status == 429:
        pause = retry_after(response)
        body = read_refusal(response) if pause is None else None
        if isinstance(body, dict):
            raise QuotaExceededError(
                f"{_host(response)} refuses: {message(body)}",
                hint="Waiting a moment does not help. Stop, and go on much later.",
                status=status,
            )
        raise RateLimitedError(
            f"{_host(response)} asks for a pause: too many requests.",
            hint="Wait a while and try again.",
            status=status,
            retry_after_s=pause,
        )
    if status == 408 or status >= 500:
        raise unavailable(response)


def message(body: Any) -> str:
    """The text of an error body; Civitai alone has several shapes for it."""
    if not isinstance(body, dict):
        return "no reason given"
    error = body.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    texts = [str(text)[:500] for text in (error, body.get("message")) if text]
    return " - ".join(texts) or "no reason given"


def edge_block(response: requests.Response) -> AccessDeniedError:
    """The refusal by what stands in front of a site, such as Cloudflare's challenge."""
    return AccessDeniedError(
        f"The protection of {_host(response)} against robots refuses this machine.",
        hint="Try from another network, or fetch the file by hand in a browser.",
        **_facts(response),
    )


def unavailable(response: requests.Response) -> UnavailableError:
    return UnavailableError(
        f"{_host(response)} is not available right now (HTTP {response.status_code}).",
        hint="Try again later.",
        retry_after_s=retry_after(response),
        **_facts(response),
    )


def bad_answer(response: requests.Response, what: str) -> BadResponseError:
    return BadResponseError(
        f"The answer of {_host(response)} {what}.", hint="Try again later.", **_facts(response)
    )


def _facts(response: requests.Response) -> dict[str, Any]:
    return {"status": response.status_code, "url": public_url(response.url or "")}


def public_url(url: str) -> str:
    """A URL without query, fragment and credentials: safe to log and to show."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _host(response: requests.Response) -> str:
    return urlsplit(response.url or "").hostname or "The server"


def retry_after(response: requests.Response) -> float | None:
    """Seconds to wait, as the answer asks for; None when it does not say."""
    text = response.headers.get("Retry-After", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds()
        except (ValueError, TypeError):  # no date, or one without a zone
            return _until_refilled(response)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until_refilled(response: requests.Response) -> float | None:
    text = response.headers.get("RateLimit", "")
    left, seconds = _RATELIMIT_R.search(text), _RATELIMIT_T.search(text)
    if seconds is None or (left is not None and int(left[1]) > 0):
        return None
    return float(seconds[1])
