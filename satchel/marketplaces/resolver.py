"""Digest to sources over an ordered list of marketplaces, answers remembered in the catalog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ..catalog import Catalog
from ..errors import BadResponseError, ForbiddenUrlError, NotFoundError, UnavailableError
from ..file_names import checked_name
from ..folders import LEGACY_KINDS
from ..identity import ModelIdentity, Source
from ..progress import Cancellation
from ..references.values import DigestReference, Reference
from ..settings import Settings
from .base import Availability, Marketplace
from .civitai import Civitai
from .records import PublishedFile, PublishedVersion

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

    def resolve(self, reference: Reference, kind: str | None = None) -> ModelIdentity:
        """The one file that a reference means, with a name and digests that can be relied on.

        Args:
            kind: the folder it is meant for, whatever the marketplace says.

        Raises:
            NotFoundError: no marketplace has it.
            AmbiguousReferenceError: it means several files.
            UnavailableError: its SHA256 is not published.
            UnsafePathError: its name cannot be used on every system.
            MarketplaceError: a marketplace refuses, or does not answer properly.
        """
        version, file = self._published(reference)
        label = self._by_kind[version.source].label
        identity = file.identity
        if identity.sha256 is None:
            raise UnavailableError(
                f"{label} has not computed this file's SHA256 yet.", hint="Try again in an hour."
            )
        if kind is None and not identity.kind:
            raise BadResponseError(
                f"Satchel does not know which folder {label}'s {file.file_type!r} of a"
                f" {version.model_type!r} belongs to.",
                hint="Say where it belongs, for example with --to loras.",
            )
        kind = LEGACY_KINDS.get(kind, kind) if kind else identity.kind
        return replace(identity, kind=kind, name=checked_name(identity.name))

    def _published(self, reference: Reference) -> tuple[PublishedVersion, PublishedFile]:
        if isinstance(reference, DigestReference):
            for market in self._by_kind.values():
                version = market.find_version(reference)
                for file in version.files if version else ():
                    if version and (reference.kind, reference.hex) in file.digests:
                        return version, file
            raise NotFoundError(
                f"No marketplace knows a file with the {reference.kind} {reference.hex}.",
                hint="Check the digest.",
            )
        for market in self._by_kind.values():
            if market.knows(reference):
                versions = market.versions(reference)
                file = market.choose(versions, reference)
                return next((one, file) for one in versions if file in one.files)
        raise NotFoundError(
            "No source of models here knows such references.", hint="Update Satchel."
        )

    def availability(self, models: Sequence[ModelIdentity]) -> list[Availability]:
        """For each model: the first source that is open, else the best refusal."""
        with ThreadPoolExecutor(_CHECKS_AT_ONCE) as pool:
            return list(pool.map(self._availability_of, models))

    def _availability_of(self, model: ModelIdentity) -> Availability:
        answers = []
        for source in self.usable_sources(model):
            answer = self._by_kind[source.kind].availability([(source, model.sha256 or "")])[0]
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

    @property
    def marketplaces(self) -> tuple[Marketplace, ...]:
        """All of them, in the order to ask and to prefer."""
        return tuple(self._by_kind.values())

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
