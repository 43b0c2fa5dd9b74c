"""What the grammars share: what one of them is, how one refuses, and how URLs are taken apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ..errors import ReferenceSyntaxError
from ..urls import without_secrets
from .values import Reference

Parse: TypeAlias = Callable[[str], Reference | None]
"""A text without surrounding space to what it names; None when it is another grammar's text.

Raises ReferenceSyntaxError when it is this grammar's text, and wrong.
"""

MAX_SHOWN = 120
_MAX_READ = 10_000
"""How much of a refused text is read for secrets; the rest is not shown."""
_NUMBER = re.compile(r"[0-9]{1,18}\Z")
_REPOSITORY_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_SPACE = re.compile(r"\s")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def refuse(text: str, position: int, reason: str, grammar: str) -> ReferenceSyntaxError:
    """The error for a text of a known form that breaks its rules.

    Args:
        position: 0-based, of the first character that is wrong; the text's length at its end.
    """
    text = text[:_MAX_READ]
    shown = (without_secrets(text) or text.partition("?")[0]) if "://" in text else text
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"
    return ReferenceSyntaxError(
        f"{shown!r} does not name a model: {reason} (at position {position}).",
        hint=f"Write {grammar}.",
        text=shown,
        position=position,
        grammar=grammar,
    )


def number(text: str | None) -> int | None:
    """An id above 0 of at most 18 digits, so that no reader of JSON rounds it away."""
    if text is None or not _NUMBER.match(text):
        return None
    return int(text) or None


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A URL of a site, taken apart."""

    text: str
    host: str
    """Lower case."""
    segments: tuple[str, ...]
    """Of the path, each decoded on its own: `refs%2Fpr%2F3` is one."""
    query: Mapping[str, str]
    """The first value of each name."""

    @property
    def path_position(self) -> int:
        """Where the path begins, or would."""
        start = self.text.find("://") + 3
        ends = [self.text.find(mark, start) for mark in "/?#"]
        return min((end for end in ends if end >= 0), default=len(self.text))

    def position_of(self, name: str) -> int:
        """Where the value of a part of the query begins."""
        return self.text.find(f"{name}=") + len(name) + 1

    def number_in_query(self, name: str, grammar: str) -> int | None:
        """An id from the query; None when it is not there.

        Raises:
            ReferenceSyntaxError: it is there, and no id.
        """
        if name not in self.query:
            return None
        found = number(self.query[name])
        if found is None:
            raise refuse(self.text, self.position_of(name), f"its {name} is no number", grammar)
        return found


MAX_URL = 8192
"""Characters; servers and browsers refuse longer ones."""
URL_GRAMMAR = "https://host/path/file.safetensors"


def read_url(text: str) -> WebUrl | None:
    """An http or https URL taken apart; None for anything else.

    Raises:
        ReferenceSyntaxError: it is malformed, or carries a user name.
    """
    scheme, mark, _ = text.partition("://")
    if not mark or scheme.lower() not in ("https", "http"):
        return None
    if len(text) > MAX_URL:
        raise refuse(text, MAX_URL, "it is too long for a URL", URL_GRAMMAR)
    control = _CONTROL.search(text)
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
        query = parse_qs(parts.query)
    except ValueError:
        raise refuse(text, len(scheme) + 3, "it is no valid URL", URL_GRAMMAR) from None
    if control or not host:
        position = control.start() if control else len(scheme) + 3
        raise refuse(text, position, "it is no valid URL", URL_GRAMMAR)
    if parts.username is not None or parts.password is not None:
        raise refuse(text, len(scheme) + 3, "it carries a user name", URL_GRAMMAR)
    if port not in (None, {"https": 443, "http": 80}[scheme.lower()]):
        host = f"{host}:{port}"
    segments = tuple(unquote(part) for part in parts.path.split("/") if part)
    return WebUrl(text, host, segments, {name: values[0] for name, values in query.items()})


def without_space(url: str) -> str:
    """A URL whose spaces, of which a browser shows many kinds, are encoded."""
    return _SPACE.sub(lambda space: quote(space[0]), url)


def is_site(host: str, sites: frozenset[str]) -> bool:
    """Whether a host is one of a source's, or a sub-domain of one."""
    return any(host == site or host.endswith(f".{site}") for site in sites)


def is_repository(name: str, forms: Sequence[str] = ()) -> bool:
    """Whether a text is `owner/name` or, as old repositories are, a single name.

    Args:
        forms: words that follow a repository in URLs, so that none is called so.
    """
    parts = name.split("/")
    return (
        len(parts) <= 2
        and all(_REPOSITORY_PART.match(part) for part in parts)
        and parts[-1] not in forms
    )


def checked_path(url: WebUrl, parts: tuple[str, ...], grammar: str) -> str | None:
    """Segments joined to the path of a file inside a repository; None for none.

    Raises:
        ReferenceSyntaxError: a part climbs, or hides a separator.
    """
    for part in parts:
        if part in (".", "..") or "/" in part or _CONTROL.search(part):
            raise refuse(url.text, url.path_position, "its path is not plain", grammar)
    return "/".join(parts) or None
