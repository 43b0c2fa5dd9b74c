"""What can go wrong on demand.

`KINDS` is the whole table: a name, the origin it strikes unless told otherwise, and how it changes
the true reply. Body faults of the storage wait for a reply that carries the file, so an expired
link does not use one up.
"""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from .messages import (
    INVERT,
    FileRange,
    Pace,
    Reply,
    Request,
    html_reply,
    json_reply,
    redirect_reply,
    text_reply,
)
from .storage import parse_range

BAD_GATEWAY_PAGE = (
    "<!DOCTYPE html>\n<head>\n<title>civitai.com | 502: Bad gateway</title>\n</head>\n"
    '<body><div id="cf-wrapper"><h1>Bad gateway <span class="code-label">Error code 502</span>'
    "</h1></div></body>\n</html>"
)
MAINTENANCE_PAGE = (
    "<!DOCTYPE html><html><head><title>Civitai | Be right back</title></head>"
    "<body>We are currently down for maintenance</body></html>"
)
CHALLENGE_PAGE = (
    '<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head>'
    "<body><noscript>Enable JavaScript and cookies to continue</noscript></body></html>"
)
QUOTA = (
    "We've noticed an unusual amount of downloading from your account. "
    "Contact support@civitai.com or come back later."
)
REGION = "Access to this service is not available in your region due to legal restrictions."
OVERLOADED = "Model search is temporarily overloaded — please retry."
PRIVATE_URL = "http://169.254.169.254/latest/meta-data/"
ELSEWHERE_URL = "http://files.elsewhere.invalid/model.safetensors"
NO_STORE = "no-store, max-age=0"


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule: which requests it strikes and what it does to them."""

    kind: str
    origin: str
    match: str
    """Regular expression, searched in the request's path."""
    after: int = 0
    """stall, cut: bytes of this answer's body that still pass."""
    seconds: float = 60.0
    """stall, slow_header: how long."""
    bytes_per_s: int = 1 << 20
    """throttle."""
    by: int = -1
    """wrong_length: how many bytes longer (+, zeros) or shorter (-) than the file; swollen: how
    many zeros follow."""
    retry_after: str | None = None
    """status_429: seconds or an HTTP date, as text; ratelimit_429: seconds."""
    status: int = 500
    """status."""
    etag: str = '"replaced"'
    """replaced: what the file is called now."""
    location: str = ELSEWHERE_URL
    """redirect."""
    reply: Reply | None = None
    """recorded: the whole answer."""


@dataclass(frozen=True, slots=True)
class Kind:
    origin: str
    change: Callable[[Fault, Reply, Request], Reply]
    needs_success: bool = False


def _set_length(fault: Fault, reply: Reply, request: Request) -> Reply:
    body = reply.body
    if isinstance(body, FileRange):
        length = max(0, body.length + min(fault.by, 0))
        return replace(reply, body=replace(body, length=length, padding=max(0, fault.by)))
    end = len(body) + min(fault.by, 0)
    return replace(reply, body=body[: max(0, end)] + b"\0" * max(0, fault.by))


def _invert(fault: Fault, reply: Reply, request: Request) -> Reply:
    if isinstance(reply.body, FileRange):
        return replace(reply, body=replace(reply.body, inverted=True))
    return replace(reply, body=reply.body.translate(INVERT))


def _truncate(fault: Fault, reply: Reply, request: Request) -> Reply:
    """Half of the body, with the length that half has."""
    return _set_length(replace(fault, by=-(len(reply.body) + 1) // 2), reply, request)


def _too_many(fault: Fault, reply: Reply, request: Request) -> Reply:
    headers = {"Retry_After": fault.retry_after} if fault.retry_after is not None else {}
    return text_reply(429, "error code: 1015", **headers)


def _spent(fault: Fault, reply: Reply, request: Request) -> Reply:
    """Hugging Face's: the wait is in a header of its own."""
    limits = {
        "ratelimit": f'"api";r=0;t={fault.retry_after or "1"}',
        "ratelimit-policy": '"fixed window";"api";q=500;w=300',
    }
    page = html_reply(429, "<html><body>429 Too Many Requests</body></html>")
    return replace(page, headers={**page.headers, **limits})


def _loop(fault: Fault, reply: Reply, request: Request) -> Reply:
    return redirect_reply(f"http://{request.headers.get('Host')}{request.target}")


def _whole(fault: Fault, reply: Reply, request: Request) -> Reply:
    """All of the file, as a server answers that does not do ranges."""
    assert isinstance(reply.body, FileRange)
    headers = {name: text for name, text in reply.headers.items() if name != "Content-Range"}
    headers["Accept-Ranges"] = "none"
    return Reply(200, headers, replace(reply.body, start=0, length=reply.body.size))


def _replaced(fault: Fault, reply: Reply, request: Request) -> Reply:
    """The file as its owner has saved it again: whoever has begun with the old one starts over."""
    reply = replace(reply, headers={**reply.headers, "ETag": fault.etag})
    assert isinstance(reply.body, FileRange)
    span = parse_range(request.headers.get("Range", ""), reply.body.size)
    if span is None or request.headers.get("If-Range", fault.etag) != fault.etag:
        return replace(_whole(fault, reply, request), headers=reply.headers)
    start, end = span
    headers = {**reply.headers, "Content-Range": f"bytes {start}-{end}/{reply.body.size}"}
    return Reply(206, headers, replace(reply.body, start=start, length=end - start + 1))


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    """40 KB that decode to a JSON text of 40 MiB."""
    return gzip.compress(b'"' + b"0" * (40 << 20) + b'"')


def _explode(fault: Fault, reply: Reply, request: Request) -> Reply:
    headers = {**reply.headers, "Content-Encoding": "gzip"}
    return Reply(200, headers, _bomb())


def _swell(fault: Fault, reply: Reply, request: Request) -> Reply:
    """The same beginning, and then far more than anybody wants."""
    assert isinstance(reply.body, bytes)
    return replace(reply, body=reply.body + bytes(fault.by))


def _instead(reply: Reply) -> Callable[[Fault, Reply, Request], Reply]:
    return lambda fault, true_reply, request: reply


KINDS: dict[str, Kind] = {
    "stall": Kind(
        "storage",
        lambda f, r, q: replace(r, pace=Pace(stall_after=f.after, stall_s=f.seconds)),
        True,
    ),
    "cut": Kind("storage", lambda f, r, q: replace(r, pace=Pace(cut_after=f.after)), True),
    "throttle": Kind(
        "storage", lambda f, r, q: replace(r, pace=Pace(bytes_per_s=f.bytes_per_s)), True
    ),
    "no_ranges": Kind("storage", _whole, True),
    "replaced": Kind("storage", _replaced, True),
    "wrong_bytes": Kind("storage", _invert, True),
    "wrong_length": Kind("storage", _set_length, True),
    "swollen": Kind("images", _swell),
    "slow_header": Kind("site", lambda f, r, q: replace(r, pace=Pace(head_s=f.seconds))),
    "gzip_bomb": Kind("site", _explode),
    "empty_body": Kind("site", lambda f, r, q: replace(r, body=b"")),
    "truncated_json": Kind("site", _truncate),
    "html_200": Kind("site", _instead(html_reply(200, MAINTENANCE_PAGE))),
    "html_502": Kind("site", _instead(html_reply(502, BAD_GATEWAY_PAGE))),
    "status": Kind("site", lambda f, r, q: json_reply(f.status, {"error": "Error getting file"})),
    "status_429": Kind("site", _too_many),
    "ratelimit_429": Kind("site", _spent),
    "quota_429": Kind("site", _instead(json_reply(429, {"error": QUOTA}, Cache_Control=NO_STORE))),
    "overloaded_503": Kind(
        "site",
        _instead(json_reply(503, {"error": OVERLOADED}, Retry_After="2", Cache_Control="no-store")),
    ),
    "forbidden_403": Kind(
        "site", _instead(json_reply(403, {"error": "Forbidden"}, Cache_Control=NO_STORE))
    ),
    "challenge_403": Kind(
        "site", _instead(html_reply(403, CHALLENGE_PAGE, cf_mitigated="challenge"))
    ),
    "transient_404": Kind(
        "site",
        _instead(json_reply(404, {"error": "File not found"}, Cache_Control="private, no-store")),
    ),
    "region_451": Kind(
        "site", _instead(json_reply(451, {"error": REGION, "code": "REGION_BLOCKED"}))
    ),
    "recorded": Kind("site", lambda f, r, q: f.reply or r),
    "redirect": Kind("site", lambda f, r, q: redirect_reply(f.location, Cache_Control=NO_STORE)),
    "redirect_private": Kind("site", _instead(redirect_reply(PRIVATE_URL))),
    "redirect_http_elsewhere": Kind("site", _instead(redirect_reply(ELSEWHERE_URL))),
    "redirect_loop": Kind("site", _loop),
}


class Faults:
    """The rules now in force; the first that strikes a request is the only one to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[tuple[Fault, list[int | None]]] = []

    def add(self, fault: Fault, times: int | None) -> None:
        """`times` None is always."""
        with self._lock:
            self._rules.append((fault, [times]))

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def apply(self, request: Request, reply: Reply) -> Reply:
        """The reply to send: the true one, or what a fault makes of it."""
        with self._lock:
            fault = self._take(request, reply)
        return KINDS[fault.kind].change(fault, reply, request) if fault else reply

    def _take(self, request: Request, reply: Reply) -> Fault | None:
        for fault, left in self._rules:
            if left[0] == 0 or fault.origin != request.origin:
                continue
            waits = KINDS[fault.kind].needs_success and request.origin == "storage"
            if waits and reply.status not in (200, 206):
                continue
            if re.search(fault.match, request.path):
                if left[0] is not None:
                    left[0] -= 1
                return fault
        return None
