"""What every source of models can do for Satchel.

A source that cannot do something says so by answering nothing: no sources for a digest, no files
for a reference that it does not know. Only what went wrong raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import requests

from ..identity import Source
from ..references.values import DigestReference, Reference
from .records import PublishedFile, PublishedVersion, SearchPage, SearchQuery

Access = Literal["open", "login", "gone", "unknown"]
TokenState = Literal["unset", "accepted", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a source would serve a model right now, as far as one can tell without trying."""

    access: Access
    reason: str = ""
    """One sentence, for anything but `open`."""


@runtime_checkable
class KnowsBaseModels(Protocol):
    """What a marketplace may have beside `Marketplace`: a list of its words for base models."""

    @property
    def label(self) -> str:
        """Its name for people."""
        ...

    def base_models(self) -> tuple[str, ...]:
        """The base models that the site offers now; it grows.

        Raises:
            MarketplaceError: the site does not answer properly.
        """
        ...


class Marketplace(Protocol):
    """A site that publishes model files. Adding one is one file and one registry line."""

    @property
    def kind(self) -> str:
        """`Source.kind` of what it serves."""
        ...

    @property
    def label(self) -> str:
        """Its name for people."""
        ...

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        """Where each digest can be fetched, asked in batches; a miss is an empty tuple.

        Empty altogether where there is no lookup by digest.
        """
        ...

    def find_version(self, digest: DigestReference) -> PublishedVersion | None:
        """The published version that has a file with this digest; None is a miss.

        A short digest may name more than one file: what counts is the SHA256 of the answer.
        """
        ...

    def knows(self, reference: Reference) -> bool:
        """Whether a reference names something on this site; asks nobody."""
        ...

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        """What a reference that it knows names: a page's versions, newest first, or just the one.

        Raises:
            NotFoundError: there is no such page, version or file.
            MarketplaceError: the site refuses, or does not answer properly.
        """
        ...

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        """The one file that a reference means.

        Raises:
            AmbiguousReferenceError: several would do; `details["files"]` lists their texts.
            NotFoundError: none would.
        """
        ...

    def search(self, query: SearchQuery) -> SearchPage:
        """Looks for models; an empty page where the site has no search."""
        ...

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        """Asks whether sources still serve those SHA256s, without fetching them.

        In as few requests as the site allows; the answers come in the order of the questions.
        What goes wrong is an `unknown`, not an error.
        """
        ...

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        """Starts a download: an open answer with status 200, 206 or 416, anything else raises."""
        ...

    def check_token(self) -> TokenState:
        """Whether the site accepts the token that is set."""
        ...
