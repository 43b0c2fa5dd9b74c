"""Looks for models by name, at all marketplaces that have a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from .errors import InvalidInputError, MarketplaceError
from .marketplaces.base import KnowsBaseModels, Marketplace
from .marketplaces.records import PublishedVersion, SearchPage, SearchQuery
from .marketplaces.resolver import Resolver
from .references import Reference


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found, by the kind of its source."""

    pages: Mapping[str, SearchPage]
    complaints: tuple[str, ...] = ()
    """Sentences: sources that did not answer, words that a source does not know."""

    @property
    def any(self) -> bool:
        """Whether anything was found."""
        return any(page.versions for page in self.pages.values())

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                "source": kind,
                "cursor": page.cursor or None,
                "versions": [version.to_json() for version in page.versions],
            }
            for kind, page in self.pages.items()
        ]


def search_marketplaces(
    query: SearchQuery, resolver: Resolver, source: str | None = None
) -> Searched:
    """Asks one source, or all.

    Raises:
        InvalidInputError: the source has no search, or a cursor is given without a source.
        MarketplaceError: nobody answered.
    """
    markets = [market for market in resolver.searchable if source in (None, market.kind)]
    if not markets:
        raise InvalidInputError(
            f"{source!r} cannot be searched.",
            hint="Sources: " + ", ".join(market.kind for market in resolver.searchable) + ".",
        )
    if query.cursor and len(markets) > 1:
        raise InvalidInputError(
            "A cursor belongs to one source.", hint="Name it with --source, as the page before."
        )
    pages: dict[str, SearchPage] = {}
    complaints: list[str] = []
    failure: MarketplaceError | None = None
    for market in markets:
        try:
            pages[market.kind] = market.search(query)
        except MarketplaceError as error:
            failure = error
            complaints.append(f"{market.label}: {error}")
    if failure is not None and not pages:
        raise failure
    found = Searched(pages)
    if query.base_models and not found.any:
        complaints += _unknown_base_models(query.base_models, markets)
    return Searched(pages, tuple(complaints))


def published_versions(reference: Reference, resolver: Resolver) -> tuple[PublishedVersion, ...]:
    """All versions of the page that a reference names, newest first, with their files.

    Raises:
        InvalidInputError: it names no page of a marketplace that may be asked.
        MarketplaceError: the marketplace has no such page, or does not answer properly.
    """
    for market in resolver.marketplaces:
        if market.knows(reference):
            return market.versions(reference)
    raise InvalidInputError(
        "This names no page of a marketplace that is asked here.",
        hint="Give the address of a model's page.",
    )


def offered_base_models(resolver: Resolver) -> dict[str, list[str]]:
    """Each source's own words for base models; only of sources that have and tell them."""
    told = {}
    for market in resolver.searchable:
        if isinstance(market, KnowsBaseModels):
            with suppress(MarketplaceError):
                told[market.kind] = list(market.base_models())
    return told


def _unknown_base_models(wanted: Sequence[str], markets: Sequence[Marketplace]) -> list[str]:
    """A sentence for each base model that a source has no such word for."""
    told = []
    for market in markets:
        if isinstance(market, KnowsBaseModels):
            try:
                words = market.base_models()
            except MarketplaceError:
                continue
            for name in wanted:
                if name not in words:
                    near = get_close_matches(name, words, 5, 0.4) or list(words[:5])
                    told.append(
                        f"{market.label} has no base model {name!r}; it has {', '.join(near)}, ..."
                    )
    return told
