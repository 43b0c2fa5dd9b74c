"""Digest to sources over an ordered list of marketplaces, answers remembered in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ..catalog import Catalog
from ..errors import ForbiddenUrlError
from ..identity import ModelIdentity, Source
from ..progress import Cancellation
from ..settings import Settings
from .base import Availability, Marketplace
from .civitai import Civitai

MARKETPLACES: tuple[Callable[[Settings, Cancellation | None], Marketplace], ...] = (Civitai,)
"""In the order to ask and to prefer."""

_CHECKS_AT_ONCE = 4


class Resolver:
    """All marketplaces behind one door."""

    def __init__(
        self, settings: Settings, catalog: Catalog, cancellation: Cancellation | None = None
    ) -> None:
        self.settings = settings
        self._catalog = catalog
        markets = [make(settings, cancellation) for make in MARKETPLACES]
        self._by_kind: Mapping[str, Marketplace] = {market.kind: market for market in markets}

    def find_sources(self, sha256s: Sequence[str]) -> dict[str, tuple[Source, ...]]:
        """Everywhere each digest can be fetched; unknown digests get an empty tuple.

        Raises:
            MarketplaceError: a marketplace that had to be asked did not answer properly.
        """
        wanted = list(dict.fromkeys(sha256s))
        found: dict[str, tuple[Source, ...]] = dict.fromkeys(wanted, ())
        for kind, market in self._by_kind.items():
            answers = self._catalog.sources(kind, wanted)
            unknown = [sha256 for sha256 in wanted if sha256 not in answers]
            if unknown:
                fresh = dict(market.find_sources(unknown))
                self._catalog.remember_sources(kind, fresh)
                answers |= fresh
            for sha256, sources in answers.items():
                found[sha256] += sources
        return found

    def availability(self, models: Sequence[ModelIdentity]) -> list[Availability]:
        """For each model: the first source that is open, else the best refusal."""
        with ThreadPoolExecutor(_CHECKS_AT_ONCE) as pool:
            return list(pool.map(self._availability_of, models))

    def _availability_of(self, model: ModelIdentity) -> Availability:
        answers = []
        for source in self.usable_sources(model):
            answer = self._by_kind[source.kind].availability(source, model.sha256 or "")
            if answer.access == "open":
                return answer
            answers.append(answer)
        # A login can be provided and silence may end, so they are better news than `gone`.
        order = ("unknown", "login", "gone")
        answers.sort(key=lambda answer: order.index(answer.access))
        return answers[0] if answers else Availability("gone", "No source is known for it.")

    def usable_sources(self, model: ModelIdentity) -> list[Source]:
        """A model's sources that some marketplace here can open."""
        return [source for source in model.sources if source.kind in self._by_kind]

    def marketplace(self, kind: str) -> Marketplace:
        """Raises ForbiddenUrlError for a kind that nobody here serves."""
        try:
            return self._by_kind[kind]
        except KeyError:
            raise ForbiddenUrlError(
                f"Satchel does not fetch from sources of the kind {kind!r}.",
                hint="Update Satchel, or fetch the file by hand.",
                kind=kind,
            ) from None
