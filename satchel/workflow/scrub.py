"""What must not leave this machine: secrets in URLs, and paths of its folders."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..folders import posix_name
from ..identity import ModelIdentity

_SECRET_WORDS = (
    "token", "key", "signature", "credential", "x-amz-", "sig", "expires", "auth", "secret",
    "passw", "policy", "session", "jwt",
)  # fmt: skip
_WHOLE_PATH = re.compile(r"(?:[/~]|[A-Za-z]:)")


def is_whole_path(name: str) -> bool:
    """Whether a name starts at the root of a disk, or at somebody's home."""
    return _WHOLE_PATH.match(posix_name(name)) is not None


def without_secrets(url: str) -> str:
    """A URL without credentials and without what in its query and fragment looks like a secret."""
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
    return urlunsplit(parts._replace(netloc=host, query=urlencode(kept), fragment=fragment))


def with_public_sources(identity: ModelIdentity) -> ModelIdentity:
    """An identity from somebody else's lock, fit to be written into a new one."""
    sources = (replace(source, url=without_secrets(source.url)) for source in identity.sources)
    return replace(identity, sources=tuple(source for source in sources if source.url))


def _is_secret(text: str) -> bool:
    return any(word in text.lower() for word in _SECRET_WORDS)
