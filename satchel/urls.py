"""Secrets in URLs, and URLs without them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRET_WORDS = (
    "token", "key", "signature", "credential", "x-amz-", "sig", "expires", "auth", "secret",
    "passw", "policy", "session", "jwt",
)  # fmt: skip


def without_secrets(url: str) -> str:
    """A URL without credentials and without what in its query and fragment looks like a secret.

    One that is malformed gives an empty text.
    """
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return ""
    kept = [pair for pair in query if not _is_secret(pair[0])]
    fragment = "" if _is_secret(parts.fragment) else parts.fragment
    if len(kept) == len(query) and fragment == parts.fragment and "@" not in parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2]
    try:
        text = urlencode(kept)
    except UnicodeEncodeError:  # half a character, which no URL has
        return ""
    return urlunsplit(parts._replace(netloc=host, query=text, fragment=fragment))


def _is_secret(text: str) -> bool:
    return any(word in text.lower() for word in _SECRET_WORDS)
