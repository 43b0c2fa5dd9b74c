"""What a source answers to questions that it has no way to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..identity import Source
from ..references.values import DigestReference
from .records import PublishedVersion, SearchPage, SearchQuery


class WithoutLookups:
    """The part of a `Marketplace` that knows nothing by digest."""

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        return dict.fromkeys(sha256s, ())

    def find_version(self, digest: DigestReference) -> PublishedVersion | None:
        return None


class WithoutSearch:
    """The part of a `Marketplace` that has no search."""

    def search(self, query: SearchQuery) -> SearchPage:
        return SearchPage(())


def trusted_at_first(label: str) -> str:
    """The warning of a file whose source publishes no digest.

    Such a file has no SHA256 before it is fetched. Only who asks for it by its reference gets it;
    from then on its digest is known, and a lock holds it to that.
    """
    return f"{label} publishes no SHA256: what arrives first is trusted, and its digest recorded."
