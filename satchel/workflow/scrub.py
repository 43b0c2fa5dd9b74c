"""What must not leave this machine: secrets in URLs, and paths of its folders."""

from __future__ import annotations

import re
from dataclasses import replace

from ..folders import posix_name
from ..identity import ModelIdentity
from ..urls import without_secrets

_WHOLE_PATH = re.compile(r"(?:[/~]|[A-Za-z]:)")


def is_whole_path(name: str) -> bool:
    """Whether a name starts at the root of a disk, or at somebody's home."""
    return _WHOLE_PATH.match(posix_name(name)) is not None


def with_public_sources(identity: ModelIdentity) -> ModelIdentity:
    """An identity from somebody else's lock, fit to be written into a new one."""
    sources = (replace(source, url=without_secrets(source.url)) for source in identity.sources)
    return replace(identity, sources=tuple(source for source in sources if source.url))
