"""The library of this server: snapshots, from which pages are told until the next look."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Any

from ..satchel.folders import LocalModel
from ..satchel.inventory import listed
from ..satchel.model_details import model_details
from ..satchel.preview_cache import PreviewCache
from ..satchel.published_previews import wanted_previews
from ..satchel.shelf import Item, Shelf, Shown, Wanted, make_shelf, page_of
from ..satchel.used_in import UsageBook
from .workspace import catalog, workspace

MAX_KEPT = 3
"""Snapshots: so many pages may scroll through different ones."""


class ServerLibrary:
    """Keeps the last snapshots and what was last shown; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()
        self._shown: tuple[Shelf, Wanted, Shown] | None = None
        self.usage = UsageBook()

    def page(self, wanted: Wanted, stamp: str, offset: int, limit: int) -> dict[str, Any]:
        """Some files of those that are wanted.

        Args:
            stamp: of an earlier answer, to be told from the same snapshot. Without one, or when
                that is kept no more, the folders are listed anew.

        Raises:
            SatchelError: the settings or the catalog cannot be used.
        """
        with self._lock:
            kept = self._shelves.get(stamp)
        shelf = kept or self._look()
        shown = self._of(shelf, wanted)
        return {
            "stamp": shelf.stamp,
            "total": len(shown.items),
            "files": len(shelf.items),
            "unhashed": shelf.unhashed,
            "updates": sum(item.update for item in shelf.items),
            "previews": shelf.obtainable,
            "facets": {
                name: [{"value": value, "count": count} for value, count in counts]
                for name, counts in shown.facets.items()
            },
            "offset": offset,
            "models": page_of(shown.items, offset, limit, PreviewCache.beside(catalog())),
        }

    def details(self, model: LocalModel) -> dict[str, Any]:
        """Everything about one file; raises as `page`."""
        return model_details(model, workspace().catalog, self._copies(model))

    def _copies(self, model: LocalModel) -> list[Item]:
        with self._lock:
            shelves = list(self._shelves.values())
        shelf = shelves[-1] if shelves else self._look()
        mine = next((item for item in shelf.items if item.model == model), None)
        if mine is None or not mine.copies:
            return []
        same = [item for item in shelf.items if item.row.sha256 == mine.row.sha256]
        return [item for item in same if item.model.key != mine.model.key]

    def _look(self) -> Shelf:
        space = workspace()
        shelf = make_shelf(listed([], space).models, space.catalog)
        hashed = {item.model: item.row.sha256 for item in shelf.items if item.row.sha256}
        shelf = replace(shelf, obtainable=len(wanted_previews(hashed, space, tries=1)))
        with self._lock:
            self._shelves[shelf.stamp] = shelf
            self._shelves.move_to_end(shelf.stamp)
            while len(self._shelves) > MAX_KEPT:
                self._shelves.popitem(last=False)
        return shelf

    def _of(self, shelf: Shelf, wanted: Wanted) -> Shown:
        with self._lock:
            known = self._shown
        if known is not None and known[0] is shelf and known[1] == wanted:
            return known[2]
        shown = shelf.show(wanted, workspace().catalog)
        with self._lock:
            self._shown = (shelf, wanted, shown)
        return shown


library = ServerLibrary()
