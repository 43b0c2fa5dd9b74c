"""Questions about many models at once, for marketplaces that answer them.

A marketplace without these is asked about one model at a time, or not at all where that would be
a thousand requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from .records import PublishedVersion


@runtime_checkable
class AnswersInBatches(Protocol):
    """What a marketplace may have beside the `Marketplace` protocol."""

    @property
    def kind(self) -> str:
        """`Source.kind` of what it serves."""
        ...

    def find_versions(self, sha256s: Sequence[str]) -> Mapping[str, PublishedVersion]:
        """The published version that has each digest; misses are left out.

        Raises:
            MarketplaceError: it does not answer properly.
        """
        ...

    def versions_of_models(
        self, model_ids: Sequence[str]
    ) -> Mapping[str, tuple[PublishedVersion, ...]]:
        """All published versions of models, newest first; models that are gone are left out.

        Raises:
            MarketplaceError: it does not answer properly.
        """
        ...
