"""All marketplaces behind one door: digests and references to files with ordered sources.

One model is one SHA256, wherever it is served. Whoever refuses or does not answer is passed over;
what was tried is told when nobody is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..catalog import Catalog
from ..errors import (
    BadResponseError,
    ForbiddenUrlError,
    MarketplaceError,
    NotFoundError,
    UnavailableError,
)
from ..file_names import portable_name
from ..folders import LEGACY_KINDS
from ..identity import ModelIdentity, Source
from ..progress import Cancellation
from ..references import to_text
from ..references.values import (
    ArchiveReference,
    CivitaiReference,
    DigestReference,
    Reference,
)
from ..settings import Settings
from .base import Availability, Marketplace
from .civarchive import CivArchive
from .civitai import Civitai
from .direct import DirectFiles
from .fal import Fal
from .huggingface import HuggingFace
from .modelscope import ModelScope
from .partial import WithoutLookups, WithoutSearch
from .records import PublishedFile, PublishedVersion
from .replicate import Replicate

MarketplaceMaker = Callable[[Settings, Cancellation | None], Marketplace]

MARKETPLACES: tuple[MarketplaceMaker, ...] = (
    Civitai,
    HuggingFace,
    ModelScope,
    Fal,
    Replicate,
    DirectFiles,
)
"""In the order to ask and to prefer."""

FALLBACKS: tuple[MarketplaceMaker, ...] = (
    CivArchive,
)  # fmt: skip
"""Asked only about what none of the others has, or serves: they need a request for each digest."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a look-up of digests came to."""

    sources: Mapping[str, tuple[Source, ...]]
    """By SHA256, for each that was asked; empty when nobody who answered has it."""
    failures: tuple[MarketplaceError, ...] = ()
    """Of marketplaces that did not answer: what they have is not known."""


class Resolver:
    """The marketplaces of these settings, with answers remembered in the catalog."""

    def __init__(
        self, settings: Settings, catalog: Catalog, cancellation: Cancellation | None = None
    ) -> None:
        self.settings = settings
        self._catalog = catalog
        self.marketplaces = _wanted(MARKETPLACES, settings, cancellation)
        self.searchable = tuple(
            market for market in self.marketplaces if not isinstance(market, WithoutSearch)
        )
        """Those that have a search."""
        self._fallbacks = _wanted(FALLBACKS, settings, cancellation)
        self._by_kind = {market.kind: market for market in (*self.marketplaces, *self._fallbacks)}

    # --- by digest ---------------------------------------------------------------------------

    def look_up(self, sha256s: Sequence[str], *, mirrors: bool = True) -> Lookup:
        """Everywhere each digest can be fetched, with as few requests as the sites allow.

        Args:
            mirrors: also ask the fallbacks about what nobody else has. Not for what is written
                down: mirrors are other people's, and come and go.
        """
        found = self._ask_all(self.marketplaces, list(dict.fromkeys(sha256s)))
        missing = [sha256 for sha256, sources in found.sources.items() if not sources]
        if not missing or not mirrors:
            return found
        more = self._ask_all(self._fallbacks, missing)
        return Lookup({**found.sources, **more.sources}, found.failures + more.failures)

    def mirrors(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        """What the fallbacks list for digests that their own sources do not serve any more."""
        return self._ask_all(self._fallbacks, list(dict.fromkeys(sha256s))).sources

    def _ask_all(self, markets: Sequence[Marketplace], wanted: Sequence[str]) -> Lookup:
        found: dict[str, tuple[Source, ...]] = dict.fromkeys(wanted, ())
        failures = []
        for market in markets:
            if isinstance(market, WithoutLookups):
                continue
            answers = self._catalog.sources(market.kind, wanted)
            unknown = [sha256 for sha256 in wanted if sha256 not in answers]
            if unknown:
                try:
                    fresh = dict(market.find_sources(unknown))
                except MarketplaceError as error:
                    failures.append(error)
                    fresh = {}
                self._catalog.remember_sources(market.kind, fresh)
                answers |= fresh
            for sha256, sources in answers.items():
                found[sha256] += tuple(source for source in sources if source not in found[sha256])
        return Lookup(found, tuple(failures))

    # --- by reference ------------------------------------------------------------------------

    def resolve(self, reference: Reference, kind: str | None = None) -> ModelIdentity:
        """The one file that a reference means, with a digest that can be relied on.

        Args:
            kind: the folder it is meant for, whatever the marketplace says.

        Raises:
            UnavailableError: its SHA256 is not published.
            SatchelError: as `offered`.
        """
        identity = self.offered(reference, kind)
        if identity.sha256 is None:
            label = self._by_kind[identity.sources[0].kind].label
            raise UnavailableError(
                f"{label} has published no SHA256 of this file.",
                hint="Fetch it by its own reference with `satchel get`: then it is known.",
            )
        return identity

    def offered(self, reference: Reference, kind: str | None = None) -> ModelIdentity:
        """The one file that a reference means, under a name that every system takes; without a
        SHA256 where none is published: then only who asks for it by that reference may have it.

        Raises:
            NotFoundError: no marketplace has it.
            AmbiguousReferenceError: it means several files.
            BadResponseError: nothing tells its folder.
            MarketplaceError: nobody who has it serves it; `details["tried"]` says what was asked.
        """
        version, file = self.published(reference)
        identity = file.identity
        if kind is None and not identity.kind:
            label = self._by_kind[version.source].label
            what = " ".join(filter(None, (version.model_type, file.file_type))) or "file"
            raise BadResponseError(
                f"Satchel does not know the folder of what {label} calls {what!r}.",
                hint="Say where it belongs, for example with --to loras.",
            )
        kind = LEGACY_KINDS.get(kind, kind) if kind else identity.kind
        return replace(identity, kind=kind, name=portable_name(identity.name))

    def published(self, reference: Reference) -> tuple[PublishedVersion, PublishedFile]:
        """The one file that a reference means, as it is published, and the version it is of.

        Raises: as `resolve`, but for what only matters when the file is fetched.
        """
        refusals: list[tuple[Marketplace, MarketplaceError]] = []
        for market, asked in self._to_ask(reference):
            try:
                found = _ask(market, asked)
            except MarketplaceError as error:
                refusals.append((market, error))
                continue
            if found is not None:
                return found
        raise _nobody(reference, refusals)

    def _to_ask(self, reference: Reference) -> list[tuple[Marketplace, Reference]]:
        """Who is asked about what, in order."""
        markets = (*self.marketplaces, *self._fallbacks)
        if isinstance(reference, DigestReference):
            asked = [(market, reference) for market in markets]
            if "AutoV3" in reference.also:  # in full, as kohya's sd-scripts writes it
                short = DigestReference("AutoV3", reference.hex[:12])
                asked += [(market, short) for market in self.marketplaces]
            return list(asked)
        alternative = _archived(reference)
        return [
            *((market, reference) for market in markets if market.knows(reference)),
            *(
                (market, alternative)
                for market in self._fallbacks
                if alternative is not None and market.knows(alternative)
            ),
        ]

    # --- availability ------------------------------------------------------------------------

    def availability(self, models: Sequence[ModelIdentity]) -> list[Availability]:
        """For each model: the first source that is open, else the best refusal.

        Each round asks every marketplace once, about one source of each model still in question.
        """
        heard: list[list[Availability]] = [[] for _ in models]
        sources = [self.usable_sources(model) for model in models]
        for turn in range(max(map(len, sources), default=0)):
            open_ended = [
                index
                for index, answers in enumerate(heard)
                if turn < len(sources[index]) and not (answers and _is_good(answers[-1]))
            ]
            for kind, market in self._by_kind.items():
                asked = [index for index in open_ended if sources[index][turn].kind == kind]
                if not asked:
                    continue
                wanted = [(sources[index][turn], models[index].sha256 or "") for index in asked]
                for index, answer in zip(asked, market.availability(wanted), strict=True):
                    heard[index].append(answer)
        return [_best(answers) for answers in heard]

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


def _wanted(
    makers: Sequence[MarketplaceMaker], settings: Settings, cancellation: Cancellation | None
) -> tuple[Marketplace, ...]:
    """The marketplaces that the operator has not switched off."""
    made = (make(settings, cancellation) for make in makers)
    return tuple(market for market in made if settings.asks(market.kind))


def _ask(
    market: Marketplace, reference: Reference
) -> tuple[PublishedVersion, PublishedFile] | None:
    """What one marketplace makes of a reference; None when it does not know the digest."""
    if isinstance(reference, DigestReference):
        version = market.find_version(reference)
        wanted = {(kind, reference.hex) for kind in reference.kinds}
        for file in version.files if version else ():
            if version and wanted & set(file.digests):
                return version, file
        return None
    versions = market.versions(reference)
    chosen = market.choose(versions, reference)
    return next((version, chosen) for version in versions if chosen in version.files)


def _archived(reference: Reference) -> ArchiveReference | None:
    """Where a Civitai page that is gone may be kept; its model's id has to be known."""
    if not isinstance(reference, CivitaiReference) or reference.model_id is None:
        return None
    version_id = str(reference.version_id) if reference.version_id is not None else None
    return ArchiveReference(None, "civitai", str(reference.model_id), version_id)


def _nobody(
    reference: Reference, refusals: Sequence[tuple[Marketplace, MarketplaceError]]
) -> MarketplaceError:
    """The first refusal, which is the preferred source's, with what the others said."""
    if refusals:
        error = refusals[0][1]
        error.details["tried"] = [
            {"source": market.kind, "error": str(refusal)} for market, refusal in refusals
        ]
        return error
    if isinstance(reference, DigestReference):
        return NotFoundError(
            f"No marketplace knows a file with the {reference.kind} {reference.hex}.",
            hint="Check the digest.",
        )
    return NotFoundError(
        f"{to_text(reference)} is nothing that a marketplace here could look up.",
        hint="Give a page or a file of one of: Civitai, CivArchive, or a SHA256.",
    )


def _is_good(answer: Availability) -> bool:
    """Whether it is worth a try; a doubt without a reason is only a question not asked."""
    return answer.access == "open" or (answer.access == "unknown" and not answer.reason)


def _best(answers: Sequence[Availability]) -> Availability:
    if not answers:
        return Availability("gone", "No source is known for it.")
    # A login can be provided and silence may end, so they are better news than `gone`.
    order = ("open", "unknown", "login", "gone")
    return min(answers, key=lambda answer: (order.index(answer.access), bool(answer.reason)))
