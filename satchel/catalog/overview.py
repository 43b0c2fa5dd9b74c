"""What a list of very many files shows of each: read with few queries, however many there are.

The same as `model_info` tells of one file, less what a list has no room for.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .database import Database
from .notes import USER


@dataclass(slots=True)
class Overview:
    """One file that is there."""

    size: int
    mtime_ns: int
    facts: dict[str, Any] | None
    """Of its header; None until that was read."""
    sha256: str | None = None
    """None until it was hashed."""
    base_models: list[str] = field(default_factory=list)
    """As marketplaces, then notes write it: the most reliable first."""
    own_words: list[str] = field(default_factory=list)
    published_words: list[str] = field(default_factory=list)
    other_words: list[str] = field(default_factory=list)
    """Trigger words of the user, of marketplaces, of other programs."""


def overview(database: Database, kind: str) -> dict[str, Overview]:
    """Real path -> what is known, for all live files of a model folder.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    with database.reading() as db:
        by_id: dict[int, Overview] = {}
        by_path: dict[str, Overview] = {}
        rows = db.execute(
            "SELECT id, path, size, mtime_ns, facts, sha256 FROM files"
            " WHERE kind = ? AND gone_at IS NULL",
            (kind,),
        )
        for row_id, path, size, mtime_ns, facts, sha256 in rows:
            read = None if facts is None else json.loads(facts)
            known = Overview(size, mtime_ns, read, sha256)
            by_id[row_id] = by_path[path] = known
        for row_id, base_model, words in _published(db, kind):
            known = by_id[row_id]
            known.base_models.append(base_model)
            known.published_words += json.loads(words)
        for row_id, origin, base_model, words in _noted(db, kind):
            known = by_id[row_id]
            known.base_models.append(base_model)
            target = known.own_words if origin == USER else known.other_words
            target += json.loads(words)
    return by_path


def _published(db: sqlite3.Connection, kind: str) -> Iterator[tuple[int, str, str]]:
    """Versions by the file's own bytes, then its tensors, then plausible claims of unhashed files;
    of one file only those of the first way that finds any."""
    ways = (
        "JOIN published_digests AS said ON said.kind = 'SHA256' AND said.hex = files.sha256",
        "JOIN published_digests AS said ON said.kind = 'AutoV3' AND said.hex = files.autov3",
        "JOIN claims ON claims.file = files.id AND claims.plausible AND files.sha256 IS NULL"
        " JOIN published_digests AS said ON said.kind = claims.kind AND said.hex = claims.hex",
    )
    found: set[int] = set()
    for way in ways:
        rows = db.execute(
            "SELECT DISTINCT files.id, versions.id, versions.base_model, versions.words FROM files"
            f" {way} JOIN published ON published.id = said.published"
            " JOIN versions ON versions.id = published.version"
            " WHERE files.kind = ? AND files.gone_at IS NULL"
            " ORDER BY versions.origin, versions.published_at, versions.id",
            (kind,),
        ).fetchall()
        yield from ((row[0], row[2], row[3]) for row in rows if row[0] not in found)
        found.update(row[0] for row in rows)


def _noted(db: sqlite3.Connection, kind: str) -> Iterator[tuple[int, str, str, str]]:
    """Notes about a file's bytes, the user's own first; those of a copy of it count, too."""
    seen: set[tuple[int, str]] = set()
    for same in ("other.id = files.id", "other.sha256 = files.sha256 AND other.id != files.id"):
        rows = db.execute(
            "SELECT files.id, origin, base_model, words FROM notes"
            f" JOIN files AS other ON other.id = notes.file JOIN files ON {same}"
            " WHERE files.kind = ? AND files.gone_at IS NULL"
            " ORDER BY origin != 'user', written_at DESC, origin",
            (kind,),
        ).fetchall()
        for row_id, origin, base_model, words in rows:
            if (row_id, origin) not in seen:
                seen.add((row_id, origin))
                yield row_id, origin, base_model, words
