"""What the library shows of every live file: read with few queries, however many files there are.

The same as `model_info` tells of one file, less what a grid has no room for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .database import Database


class PublishedAs(NamedTuple):
    """A version that a file is; of these there are very many."""

    source: str
    """`Source.kind`."""
    model_id: str
    version_id: str
    published_at: str
    """ISO 8601, or empty."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells this version from all others."""
        return self.source, self.version_id

    @property
    def model(self) -> tuple[str, str]:
        """What tells its model from all others."""
        return self.source, self.model_id


@dataclass(slots=True)
class ShelfRow:
    """One file that is there."""

    size: int
    mtime_ns: int
    added_at: float
    """Unix time when it was first listed; 0 if it was before that was noted."""
    sha256: str | None
    title: str = ""
    version_name: str = ""
    base_model: str = ""
    tags: list[str] = field(default_factory=list)
    nsfw_level: int = 0
    published: list[PublishedAs] = field(default_factory=list)
    """All versions that it is; the first is the one that it is taken for."""
    noted: bool = False
    """Whether the user has written a note."""


def shelf_rows(database: Database) -> dict[str, ShelfRow]:
    """Real path -> what is known, for all live files.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    with database.reading() as db:
        by_id: dict[int, ShelfRow] = {}
        by_path: dict[str, ShelfRow] = {}
        claimed: dict[int, str] = {}
        for row_id, path, size, mtime_ns, added_at, sha256, facts in db.execute(
            "SELECT id, path, size, mtime_ns, added_at, sha256, facts FROM files"
            " WHERE gone_at IS NULL"
        ):
            by_id[row_id] = by_path[path] = ShelfRow(size, mtime_ns, added_at, sha256)
            if facts and (base := json.loads(facts).get("claimed_base_model")):
                claimed[row_id] = base
        _add_published(db, by_id)
        _add_notes(db, by_id)
        for row_id, base in claimed.items():
            by_id[row_id].base_model = by_id[row_id].base_model or base
    return by_path


def newest_versions(database: Database) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(source, model id) -> (version id, publication date) of what can still be had of it.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    with database.reading() as db:
        for source, model_id, version_id, published_at in db.execute(
            "SELECT source, model_id, version_id, published_at FROM versions"
            " WHERE model_id != '' AND status != 'taken_down'"
        ):
            found.setdefault((source, model_id), []).append((version_id, published_at))
    return found


def is_outdated(
    row: ShelfRow,
    versions: Mapping[tuple[str, str], Sequence[tuple[str, str]]],
    here: Collection[tuple[str, str]],
) -> bool:
    """Whether a later version than the one that a file is taken for can be had, and is not here.

    Args:
        versions: as `newest_versions` tells them.
        here: (source, version id) of all that is here.
    """
    if not row.published or not row.published[0].published_at:
        return False
    mine = row.published[0]
    return any(
        published_at > mine.published_at and (mine.source, version_id) not in here
        for version_id, published_at in versions.get(mine.model, ())
    )


_WAYS = (
    "JOIN published_digests AS said ON said.kind = 'SHA256' AND said.hex = files.sha256",
    "JOIN published_digests AS said ON said.kind = 'AutoV3' AND said.hex = files.autov3",
    "JOIN claims ON claims.file = files.id AND claims.plausible AND files.sha256 IS NULL"
    " JOIN published_digests AS said ON said.kind = claims.kind AND said.hex = claims.hex",
)
"""By the file's own bytes, its tensors, plausible claims of one that is not hashed; the first way
that finds anything counts."""


def _add_published(db: sqlite3.Connection, by_id: dict[int, ShelfRow]) -> None:
    found: set[int] = set()
    for way in _WAYS:
        rows = db.execute(
            "SELECT DISTINCT files.id, versions.id, versions.source, versions.model_id,"
            " versions.version_id, versions.published_at, versions.model_name, versions.name,"
            " versions.base_model, versions.nsfw_level, models.tags"
            f" FROM files {way} JOIN published ON published.id = said.published"
            " JOIN versions ON versions.id = published.version"
            " LEFT JOIN models ON models.source = versions.source"
            " AND models.model_id = versions.model_id"
            " WHERE files.gone_at IS NULL"
            " ORDER BY versions.origin, versions.published_at, versions.id"
        ).fetchall()
        for row_id, _, source, model_id, version_id, at, model_name, name, base, nsfw, tags in rows:
            if row_id in found:
                continue
            row = by_id[row_id]
            if not row.published:
                row.title, row.version_name, row.nsfw_level = model_name, name, nsfw
            row.base_model = row.base_model or base
            row.published.append(PublishedAs(source, model_id, version_id, at))
            row.tags += [tag for tag in json.loads(tags or "[]") if tag not in row.tags]
        found.update(row[0] for row in rows)


def _add_notes(db: sqlite3.Connection, by_id: dict[int, ShelfRow]) -> None:
    for row_id, origin, title, text, tags, base_model in _noted(db):
        row = by_id[row_id]
        row.title = row.title or title
        row.base_model = row.base_model or base_model
        row.tags += [tag for tag in json.loads(tags) if tag not in row.tags]
        row.noted = row.noted or (origin == "user" and bool(text))


def _noted(db: sqlite3.Connection) -> Iterator[tuple[int, str, str, str, str, str]]:
    """Notes about a file's bytes, the user's own first; those of a copy of it count, too."""
    for same in ("other.id = files.id", "other.sha256 = files.sha256 AND other.id != files.id"):
        yield from db.execute(
            "SELECT files.id, origin, title, text, tags, base_model FROM notes"
            f" JOIN files AS other ON other.id = notes.file JOIN files ON {same}"
            " WHERE files.gone_at IS NULL ORDER BY origin != 'user', written_at DESC, origin"
        ).fetchall()
