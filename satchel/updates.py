"""Which local files have a newer published version. Nothing is asked unless somebody says so."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .catalog import Catalog
from .catalog.shelf_rows import PublishedAs, ShelfRow, is_outdated
from .enrich import fetch_models
from .errors import MarketplaceError
from .folders import LocalModel
from .marketplaces.batches import AnswersInBatches
from .marketplaces.records import PublishedVersion
from .model_info import ModelInfo, model_info
from .progress import Progress
from .workspace import Workspace

FRESH_SECONDS = 6 * 3600
"""How long an answer about a model's versions counts as new."""


@dataclass(frozen=True, slots=True)
class Update:
    """A file whose model has versions that were published later and are not here."""

    model: LocalModel
    here: PublishedVersion
    newer: tuple[PublishedVersion, ...]
    """Those for the same base model first, the newest of them first."""

    @property
    def same_base_model(self) -> bool:
        """Whether one of them is for the base model that the file is for."""
        return self.newer[0].base_model == self.here.base_model

    def to_json(self) -> dict[str, Any]:
        newest = self.newer[0]
        return {
            "name": self.model.name,
            "directory": self.model.kind or None,
            "source": self.here.source,
            "model": self.here.model_name,
            "version": self.here.version_name,
            "base_model": self.here.base_model,
            "same_base_model": self.same_base_model,
            "newer": [
                {
                    "version": version.version_name,
                    "version_id": version.version_id,
                    "base_model": version.base_model,
                    "published_at": version.published_at or None,
                    "status": version.status,
                    "air": version.air or None,
                    "page": version.page_url or None,
                }
                for version in self.newer
            ],
            "page": newest.page_url or None,
        }


@dataclass(frozen=True, slots=True)
class Updates:
    """What is newer, of how many models."""

    updates: tuple[Update, ...]
    checked: int
    """Published models that files here belong to."""
    failures: tuple[str, ...] = ()
    """A sentence per marketplace that did not answer: its models are as they were known."""

    @property
    def stamp(self) -> str:
        """The same as long as the same versions are newer; empty when there are none."""
        newest = sorted({f"{update.here.source} {version.version_id}"
                         for update in self.updates for version in update.newer})  # fmt: skip
        return hashlib.sha256("\n".join(newest).encode()).hexdigest()[:16] if newest else ""

    def to_json(self) -> dict[str, Any]:
        return {
            "updates": [update.to_json() for update in self.updates],
            "checked": self.checked,
            "failures": list(self.failures),
            "stamp": self.stamp,
        }


def check_updates(
    models: Sequence[LocalModel], workspace: Workspace, *, max_age: float = FRESH_SECONDS
) -> Updates:
    """Asks marketplaces for the versions of the models that files are, a hundred at a time.

    Args:
        max_age: seconds for which earlier answers are good enough.

    Raises:
        CancelledError: the workspace's work was cancelled.
        CatalogError: the catalog cannot be used.
    """
    known = _published(models, workspace.catalog)
    failures = []
    for market in workspace.resolver().marketplaces:
        if not isinstance(market, AnswersInBatches):
            continue
        due = _due(known, market.kind, workspace.catalog, max_age)
        workspace.report(Progress("resolving", market.label, 0, 0, 0, len(due)))
        try:
            fetch_models(market, due, workspace.catalog)
        except MarketplaceError as error:
            failures.append(f"{error} {error.hint}".strip())
    return _newer_than(known, workspace.catalog, failures)


def known_updates(models: Sequence[LocalModel], catalog: Catalog) -> Updates:
    """The same from what the catalog knows; asks nobody.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    return _newer_than(_published(models, catalog), catalog)


def check_scheduled(models: Sequence[LocalModel], workspace: Workspace) -> Updates | None:
    """The same as often as the operator wants it, for a timer to call; `None` when it is off.

    Raises:
        CancelledError: the workspace's work was cancelled.
        CatalogError: the catalog cannot be used.
    """
    hours = workspace.settings.update_check_hours
    return check_updates(models, workspace, max_age=hours * 3600) if hours > 0 else None


def _published(models: Sequence[LocalModel], catalog: Catalog) -> dict[LocalModel, ShelfRow]:
    """Those of the files that marketplaces know: from few queries, however many there are."""
    rows = catalog.shelf_rows()
    return {
        model: row
        for model in models
        if (row := rows.get(model.key)) is not None
        and (row.size, row.mtime_ns) == (model.size, model.mtime_ns)
        and row.published
        and row.published[0].model_id
    }


def _newer_than(
    known: Mapping[LocalModel, ShelfRow], catalog: Catalog, failures: Sequence[str] = ()
) -> Updates:
    here = frozenset(one.key for row in known.values() for one in row.published)
    versions = catalog.newest_versions()
    outdated = [model for model, row in known.items() if is_outdated(row, versions, here)]
    infos = model_info(outdated, catalog, read_headers=False)
    found = [_update(info, here, catalog) for info in infos]
    models_here = {one.model for one in map(_taken_for, known.values())}
    return Updates(tuple(update for update in found if update), len(models_here), tuple(failures))


def _taken_for(row: ShelfRow) -> PublishedAs:
    return row.published[0]


def _due(
    known: Mapping[LocalModel, ShelfRow], source: str, catalog: Catalog, max_age: float
) -> list[str]:
    ids = dict.fromkeys(
        one.model_id for one in map(_taken_for, known.values()) if one.source == source
    )
    checked = catalog.records.checked_at(source, ids)
    now = time.time()
    return [model_id for model_id in ids if now - checked.get(model_id, -max_age) >= max_age]


def newer_versions(
    mine: PublishedVersion, catalog: Catalog, is_here: Callable[[PublishedVersion], bool]
) -> list[PublishedVersion]:
    """Versions of the same model that were published later and are not here.

    Those for the same base model first, the newest of them first.
    """
    if not mine.model_id or not mine.published_at:
        return []
    newer = [  # the newest first, as the catalog tells them
        known.version
        for known in catalog.records.by_model(mine.source, mine.model_id)
        if known.version.published_at > mine.published_at
        and known.version.status != "taken_down"
        and not is_here(known.version)
    ]
    newer.sort(key=lambda version: version.base_model != mine.base_model)
    return newer


def _update(info: ModelInfo, here: frozenset[tuple[str, str]], catalog: Catalog) -> Update | None:
    mine = info.version
    if mine is None:
        return None  # it was forgotten meanwhile
    newer = newer_versions(
        mine, catalog, lambda version: (version.source, version.version_id) in here
    )
    if not newer:
        return None
    return Update(info.model, mine, tuple(newer))
