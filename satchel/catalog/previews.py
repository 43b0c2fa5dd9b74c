"""Which pictures marketplaces published of local files, and which of them could not be had."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from .database import Database

_BATCH = 400
"""Below the 999 variables that old SQLites take in one statement."""
_TOLD = (
    " JOIN published ON published.id = said.published"
    " JOIN versions ON versions.id = published.version AND versions.origin = 'marketplace'"
    " JOIN previews ON previews.version = versions.id"
)
_WAYS = (
    "SELECT said.hex, {columns} FROM published_digests AS said" + _TOLD +
    " WHERE said.kind = 'SHA256' AND said.hex IN ({marks}) ORDER BY {order}",
    "SELECT files.sha256, {columns} FROM files JOIN published_digests AS said"
    " ON said.kind = 'AutoV3' AND said.hex = files.autov3" + _TOLD +
    " WHERE files.gone_at IS NULL AND files.sha256 IN ({marks}) ORDER BY {order}",
)  # fmt: skip
"""By a file's own bytes, then by its tensors."""
_COLUMNS = "versions.source, previews.url, previews.type, previews.nsfw_level, versions.nsfw_level"
_ORDER = "versions.published_at, versions.id, previews.position"


class PublishedPreview(NamedTuple):
    """A picture or video that a marketplace shows with a version; of these there are very many."""

    source: str
    """`Source.kind`."""
    url: str
    type: str
    """`image` or `video`."""
    nsfw_level: int
    """Civitai's bit mask; 0: not rated."""
    version_level: int
    """That of the version it is shown with."""


class PreviewTable:
    """Published pictures by the SHA256 of local files. What only sidecars told is no part of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def published(self, sha256s: Collection[str]) -> dict[str, tuple[PublishedPreview, ...]]:
        """What was published with files, in the order of its page; files without are left out."""
        found: dict[str, dict[PublishedPreview, None]] = {}
        with self._database.reading() as db:
            for way in _WAYS:
                wanted = [sha256 for sha256 in sha256s if sha256 not in found]
                for sha256, preview in list(_rows(db, way, wanted)):
                    found.setdefault(sha256, {})[preview] = None
        return {sha256: tuple(previews) for sha256, previews in found.items()}

    def refuse(self, until: Mapping[str, float]) -> None:
        """Remembers addresses that are not to be asked again before a time (Unix)."""
        with self._database.writing() as db:
            db.execute("DELETE FROM refused_previews WHERE until <= ?", (time.time(),))
            db.executemany("INSERT OR REPLACE INTO refused_previews VALUES (?, ?)", until.items())

    def refused(self) -> set[str]:
        """The addresses that are not to be asked now."""
        with self._database.reading() as db:
            rows = db.execute("SELECT url FROM refused_previews WHERE until > ?", (time.time(),))
            return {url for (url,) in rows}


def _rows(
    db: sqlite3.Connection, way: str, sha256s: Sequence[str]
) -> Iterator[tuple[str, PublishedPreview]]:
    for start in range(0, len(sha256s), _BATCH):
        part = sha256s[start : start + _BATCH]
        marks = ", ".join("?" * len(part))
        for row in db.execute(way.format(columns=_COLUMNS, order=_ORDER, marks=marks), part):
            yield row[0], PublishedPreview._make(row[1:])
