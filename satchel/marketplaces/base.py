"""What every marketplace can do for Satchel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import requests

from ..identity import ModelIdentity, Source

Access = Literal["open", "login", "gone", "unknown"]


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a source would serve a model right now, as far as one can tell without trying."""

    access: Access
    reason: str = ""
    """One sentence, for anything but `open`."""


class Marketplace(Protocol):
    """A site that knows models by their SHA256. Adding one is one file and one registry line."""

    kind: str
    """`Source.kind` of what it serves."""

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        """Where each digest can be fetched, asked in batches; a miss is an empty tuple."""
        ...

    def availability(self, source: Source, sha256: str) -> Availability:
        """Asks whether a source still serves those bytes, without fetching them."""
        ...

    def resolve(self, version_id: int, file_id: int | None, kind: str | None) -> ModelIdentity:
        """The identity of a published file; the version's primary file without a file id."""
        ...

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        """Starts a download: an open answer with status 200, 206 or 416, anything else raises."""
        ...
