"""The library: all model files with what is known of them, searched and filtered.

A shelf is a snapshot. What is shown of it is decided without the disk and the catalog, so that a
page can scroll and filter through very many files.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .catalog import Catalog
from .catalog.shelf_rows import ShelfRow, is_outdated
from .find import find
from .folders import LocalModel
from .preview_cache import PreviewCache, shown_previews

Sort = Literal["name", "newest", "size", "relevance"]
SORTS = get_args(Sort)
MAX_FOUND = 100_000
MAX_TAGS = 60
"""Tags that a filter offers: the most frequent."""
_SURE = ("digest", "claim", "published")
"""Ways of finding that leave no room for other files."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file on the shelf."""

    model: LocalModel
    row: ShelfRow
    update: bool
    """Whether a version of it that was published later is known, and not here."""
    copies: int
    """How many other files have the same bytes; hard links of it do not count."""

    def to_json(self, preview: int) -> dict[str, Any]:
        """Without what is empty.

        Args:
            preview: when its picture was changed, in milliseconds; 0: it has none.
        """
        value = {
            "name": self.model.name, "directory": self.model.kind, "size": self.model.size,
            "title": self.row.title, "version": self.row.version_name,
            "base": self.row.base_model, "nsfw_level": self.row.nsfw_level,
            "preview": preview, "update": self.update, "copies": self.copies,
            "noted": self.row.noted, "known": bool(self.row.published),
            "hashed": self.row.sha256 is not None,
        }  # fmt: skip
        return {key: part for key, part in value.items() if part or key == "size"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be shown; empty fields do not restrict."""

    query: str = ""
    kinds: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    updates: bool = False
    duplicates: bool = False
    sort: Sort = "relevance"
    """Relevance is by name where nothing is searched for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is wanted of a shelf, in order."""

    items: tuple[Item, ...]
    facets: dict[str, list[tuple[str, int]]]
    """`kinds`, `base_models`, `tags` -> (value, how many there would be), the most frequent first:
    each counted without its own restriction."""


@dataclass(frozen=True)
class Shelf:
    """All files at one moment."""

    items: tuple[Item, ...]
    stamp: str = field(default="")
    """The same as long as nothing that is shown has changed."""
    obtainable: int = 0
    """How many pictures could be fetched for models that have none."""

    @property
    def unhashed(self) -> int:
        """How many files have bytes that nobody has read: their copies and updates are unknown."""
        return sum(item.row.sha256 is None for item in self.items)

    def show(self, wanted: Wanted, catalog: Catalog) -> Shown:
        """What is wanted of it.

        Raises:
            CatalogError: the catalog cannot be used.
        """
        ranks = _ranks(wanted, catalog) if wanted.query.strip() else None
        found = [
            item
            for item in self.items
            if (ranks is None or item.model.key in ranks)
            and (item.update or not wanted.updates)
            and (item.copies or not wanted.duplicates)
        ]
        shown, facets = _restricted(found, wanted)
        return Shown(tuple(_sorted(shown, wanted, ranks)), facets)


def make_shelf(models: Sequence[LocalModel], catalog: Catalog) -> Shelf:
    """A shelf of files that the catalog has listed.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    known, versions = catalog.shelf_rows(), catalog.newest_versions()
    rows = {model: _row(model, known) for model in models}
    here = frozenset(one.key for row in rows.values() for one in row.published)
    places: dict[str, set[tuple[int, int] | str]] = {}
    for model, row in rows.items():
        if row.sha256:
            places.setdefault(row.sha256, set()).add(_place(model))
    items = tuple(
        Item(model, row, is_outdated(row, versions, here),
             len(places.get(row.sha256 or "", ())) - 1 if row.sha256 else 0)
        for model, row in rows.items()
    )  # fmt: skip
    told = hashlib.sha256(repr([(item.model, item.row, item.update) for item in items]).encode())
    return Shelf(items, told.hexdigest()[:16])


def page_of(
    items: Sequence[Item], offset: int, limit: int, cache: PreviewCache
) -> list[dict[str, Any]]:
    """Some of what is shown, with the times of their pictures: these are looked for now."""
    page = items[offset : offset + limit]
    sha256s = {item.model: item.row.sha256 for item in page}
    previews = shown_previews(sha256s, sha256s, cache)
    return [item.to_json(previews.get(item.model, 0)) for item in page]


def _row(model: LocalModel, known: Mapping[str, ShelfRow]) -> ShelfRow:
    row = known.get(model.key)
    if row is not None and (row.size, row.mtime_ns) == (model.size, model.mtime_ns):
        return row
    return ShelfRow(model.size, model.mtime_ns, 0, None)


def _place(model: LocalModel) -> tuple[int, int] | str:
    return model.file_id if model.file_id[1] else model.key


def _ranks(wanted: Wanted, catalog: Catalog) -> dict[str, int]:
    """Real path -> place among the results of a search."""
    keys: list[str] = []
    if find(wanted.query, catalog, limit=1).how != "words":
        found = find(wanted.query, catalog, limit=MAX_FOUND)
        keys = [model.key for model in found.models]
        if found.how in _SURE:
            return {key: rank for rank, key in enumerate(keys)}
    keys += catalog.search.paths(wanted.query)
    return {key: rank for rank, key in enumerate(dict.fromkeys(keys))}


def _values(item: Item, name: str) -> Sequence[str]:
    if name == "tags":
        return item.row.tags
    value = item.model.kind if name == "kinds" else item.row.base_model
    return (value,) if value else ()


def _restricted(
    items: Sequence[Item], wanted: Wanted
) -> tuple[list[Item], dict[str, list[tuple[str, int]]]]:
    """Those with one of the folders, one of the base models and all of the tags; how many each
    other folder or base model would add, and how many would be left with each tag."""
    tests = {"kinds": wanted.kinds, "base_models": wanted.base_models, "tags": wanted.tags}
    counted: dict[str, Counter[str]] = {name: Counter() for name in tests}
    shown = []
    for item in items:
        failed = [
            name
            for name, chosen in tests.items()
            if chosen and not _matches(_values(item, name), chosen, every=name == "tags")
        ]
        if not failed:
            shown.append(item)
        if len(failed) < 2 and failed != ["tags"]:
            for name in failed or tests:
                counted[name].update(_values(item, name))
    return shown, {name: _most(counts, name) for name, counts in counted.items()}


def _matches(values: Sequence[str], chosen: Sequence[str], *, every: bool) -> bool:
    return (all if every else any)(value in values for value in chosen)


def _most(counts: Counter[str], name: str) -> list[tuple[str, int]]:
    most = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0].casefold()))
    return most[:MAX_TAGS] if name == "tags" else most


def _sorted(items: list[Item], wanted: Wanted, ranks: Mapping[str, int] | None) -> list[Item]:
    by_name = sorted(items, key=lambda item: (item.model.name.casefold(), item.model.kind))
    if wanted.duplicates:  # copies side by side, the largest first
        return sorted(by_name, key=lambda item: (-item.model.size, item.row.sha256 or ""))
    if wanted.sort == "newest":
        return sorted(by_name, key=lambda item: -max(item.model.mtime_ns, item.row.added_at * 1e9))
    if wanted.sort == "size":
        return sorted(by_name, key=lambda item: -item.model.size)
    if wanted.sort == "relevance" and ranks is not None:
        return sorted(by_name, key=lambda item: ranks[item.model.key])
    return by_name
