"""What the catalog has from marketplaces about a lock's models: facts, and Civitai's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ..catalog import Catalog
from ..catalog.records import KnownVersion
from ..enrich import fetch_models
from ..errors import MarketplaceError
from ..identity import ModelIdentity, Source
from ..marketplaces.batches import AnswersInBatches
from ..marketplaces.records import PublishedVersion
from ..marketplaces.resolver import Resolver
from .facts import facts_of
from .lock import LockedModel

_ASKED = "{kind}/records"
"""Under which name it is remembered that records were asked for, whatever came of it."""


def with_facts(models: Iterable[LockedModel], catalog: Catalog) -> list[LockedModel]:
    """The models with what records say; those without one keep what they have."""
    models = list(models)
    records = _records((model.identity.sha256 for model in models), catalog)
    return [
        replace(model, facts=facts_of(found))
        if (found := _version_of(model.identity, records.get(model.identity.sha256 or "", ())))
        else model
        for model in models
    ]


def known_sources(
    sha256s: Iterable[str], catalog: Catalog, marketplace: str = "civitai"
) -> dict[str, tuple[Source, ...]]:
    """Where a marketplace itself said that digests are, however long ago; asks nobody."""
    wanted = list(dict.fromkeys(sha256s))
    found = {
        sha256: sources
        for sha256, sources in catalog.sources(marketplace, wanted).items()
        if sources
    }
    missing = [sha256 for sha256 in wanted if sha256 not in found]
    for sha256, versions in _records(missing, catalog).items():
        for known in versions:
            files = [file for file in known.version.files if file.identity.sha256 == sha256]
            if known.origin == "marketplace" and known.version.source == marketplace and files:
                found.setdefault(sha256, files[0].identity.sources)
    return found


def learn_records(sha256s: Iterable[str], resolver: Resolver, catalog: Catalog) -> None:
    """Stores what marketplaces that answer in batches say about models without a record.

    Right after a look-up of the same digests the versions are there already; licence flags take
    one more request for a hundred models. Nobody is asked twice within minutes.
    """
    wanted = list(dict.fromkeys(sha256s))
    known = catalog.records.known("SHA256", wanted)
    unknown = [sha256 for sha256 in wanted if sha256 not in known]
    for market in resolver.marketplaces:
        if not isinstance(market, AnswersInBatches):
            continue
        name = _ASKED.format(kind=market.kind)
        listed = catalog.sources(market.kind, unknown)
        recent = catalog.sources(name, unknown)
        asked = [sha256 for sha256 in unknown if listed.get(sha256) and sha256 not in recent]
        if not asked:
            continue
        catalog.remember_sources(name, dict.fromkeys(asked, ()))
        with suppress(MarketplaceError):  # a lock without facts is a lock, too
            versions = market.find_versions(asked).values()
            catalog.records.put(versions)
            fetch_models(market, (version.model_id for version in versions), catalog)


def _records(
    sha256s: Iterable[str | None], catalog: Catalog
) -> Mapping[str, Sequence[KnownVersion]]:
    asked = [("SHA256", sha256) for sha256 in dict.fromkeys(sha256s) if sha256]
    found = catalog.records.by_digests(asked) if asked else {}
    return {sha256: versions for (_, sha256), versions in found.items()}


def _version_of(
    identity: ModelIdentity, versions: Sequence[KnownVersion]
) -> PublishedVersion | None:
    """The version that the first source names, else the first that is known."""
    ids = {(one.kind, str(one.version_id)) for one in identity.sources if one.version_id}
    named = [known for known in versions if (known.version.source, known.version.version_id) in ids]
    return next((known.version for known in [*named, *versions]), None)
