"""Asks marketplaces about local files that nothing is known of, many at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .catalog import Catalog
from .errors import MarketplaceError
from .folders import LocalModel
from .hashes import FileDigests
from .identity import Source
from .marketplaces.base import Marketplace
from .marketplaces.batches import AnswersInBatches
from .marketplaces.records import PublishedVersion
from .progress import Progress
from .references.values import DigestReference
from .workspace import Workspace

_TENSORS = "{kind}/AutoV3"
"""Under which name answers by AutoV3 are remembered."""


@dataclass(frozen=True, slots=True)
class Enriched:
    """What asking brought."""

    asked: int
    """Files that were hashed, and of which there was no record."""
    found: int
    failures: tuple[str, ...] = ()
    """A sentence per marketplace that did not answer."""


def enrich(models: Sequence[LocalModel], workspace: Workspace) -> Enriched:
    """Fetches records of hashed files that have none. Sends digests, and nothing else, out.

    A marketplace that answers in batches is asked by SHA256 and then, for files that it does not
    know so, by AutoV3: the copy that is published may have another header. Misses are believed for
    some minutes.

    Raises:
        CancelledError: the workspace's work was cancelled.
        CatalogError: the catalog cannot be used.
    """
    catalog = workspace.catalog
    digests = catalog.files.digests(models)
    unknown = _without_record(digests.values(), catalog)
    asked = len(unknown)
    failures: list[str] = []
    for market in workspace.resolver().marketplaces:
        if not isinstance(market, AnswersInBatches) or not unknown:
            continue
        workspace.report(Progress("resolving", market.label, 0, 0, asked - len(unknown), asked))
        try:
            _ask(market, unknown, workspace)
        except MarketplaceError as error:
            failures.append(f"{error} {error.hint}".strip())
        unknown = _without_record(unknown, catalog)
    return Enriched(asked, asked - len(unknown), tuple(failures))


def _without_record(digests: Iterable[FileDigests], catalog: Catalog) -> list[FileDigests]:
    by_sha256 = {one.sha256: one for one in digests}
    known = catalog.records.by_digests(
        pair
        for one in by_sha256.values()
        for pair in (("SHA256", one.sha256), ("AutoV3", one.autov3 or ""))
    )
    # What only a sidecar said is asked again: it may be anybody's word.
    told = {
        pair for pair, versions in known.items()
        if any(version.origin == "marketplace" for version in versions)
    }  # fmt: skip
    return [
        one
        for one in by_sha256.values()
        if not {("SHA256", one.sha256), ("AutoV3", one.autov3 or "")} & told
    ]


def _ask(market: Marketplace, unknown: Sequence[FileDigests], workspace: Workspace) -> None:
    assert isinstance(market, AnswersInBatches)
    catalog = workspace.catalog
    recent = catalog.sources(market.kind, [one.sha256 for one in unknown])
    wanted = [one.sha256 for one in unknown if recent.get(one.sha256) != ()]
    found = dict(market.find_versions(wanted)) if wanted else {}
    _remember(market.kind, wanted, found, catalog)
    missed = [one for one in unknown if one.sha256 not in found and one.autov3]
    by_tensors = _ask_by_tensors(market, missed, workspace)
    versions = {version.version_id: version for version in (*found.values(), *by_tensors)}
    catalog.records.put(versions.values())
    fetch_models(market, [version.model_id for version in versions.values()], catalog)


def _remember(
    kind: str, wanted: Iterable[str], found: Mapping[str, PublishedVersion], catalog: Catalog
) -> None:
    answers: dict[str, tuple[Source, ...]] = dict.fromkeys(wanted, ())
    for sha256, version in found.items():
        for file in version.files:
            if file.identity.sha256 == sha256:
                answers[sha256] = file.identity.sources
    catalog.remember_sources(kind, answers)


def _ask_by_tensors(
    market: Marketplace, missed: Sequence[FileDigests], workspace: Workspace
) -> list[PublishedVersion]:
    """One request each: short digests cannot be asked for in batches."""
    name = _TENSORS.format(kind=market.kind)
    wanted = [one.autov3 for one in missed if one.autov3]
    recent = workspace.catalog.sources(name, wanted)
    found = []
    for number, autov3 in enumerate(wanted):
        if autov3 in recent:
            continue
        workspace.cancellation.check()
        workspace.report(Progress("resolving", market.label, 0, 0, number, len(wanted)))
        version = market.find_version(DigestReference("AutoV3", autov3))
        workspace.catalog.remember_sources(name, {autov3: ()})
        if version is not None:
            found.append(version)
    return found


def fetch_models(
    market: AnswersInBatches, model_ids: Iterable[str], catalog: Catalog
) -> dict[str, tuple[PublishedVersion, ...]]:
    """Stores all published versions of models, with their tags and licences.

    Raises:
        MarketplaceError: the marketplace does not answer properly.
        CatalogError: the catalog cannot be used.
    """
    wanted = [model_id for model_id in dict.fromkeys(model_ids) if model_id]
    if not wanted:
        return {}
    found = dict(market.versions_of_models(wanted))
    catalog.records.put(version for versions in found.values() for version in versions)
    catalog.records.mark_checked(market.kind, wanted, time.time())
    return found
