"""The file that keeps the queue: a small SQLite database, whole after a kill at any moment."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..errors import CatalogError, LockError
from ..identity import ModelIdentity
from .queue_values import QueueEntry, QueueLimits

log = logging.getLogger(__name__)

_PATIENCE_S = 30
"""How long to wait for another process that is writing."""
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS downloads (
    id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, destination TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued', priority INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, total INTEGER,
    bytes_per_s REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
    retry_at REAL NOT NULL DEFAULT 0, error TEXT, path TEXT, note TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '', wish TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS limits (name TEXT PRIMARY KEY, value INTEGER);
"""
COLUMNS = (
    "id", "model", "destination", "state", "priority", "position", "done", "total", "bytes_per_s",
    "attempts", "retry_at", "error", "path", "note", "owner", "wish", "sha256",
)  # fmt: skip


class QueueFile:
    """The database at a path; it and its folder are made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection that alone may write; what it did is kept as a whole, or not at all."""
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect()) as db:
                db.execute(begin)
                try:
                    yield db
                except BaseException:
                    db.rollback()
                    raise
                db.commit()
        except (sqlite3.DatabaseError, OSError) as error:
            raise CatalogError(
                f"The download queue {self.path.name} cannot be used: {error}.",
                hint="Check that its folder is writable and the disk is not full. A damaged one"
                " may be deleted: unfinished files stay where they are.",
                path=self.path.name,
            ) from error

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
        try:
            self._prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == _VERSION:
            return
        if version > _VERSION:
            raise CatalogError(
                f"The download queue {self.path.name} was written by a newer Satchel.",
                hint="Update Satchel, or move that file away.",
                path=self.path.name,
            )
        db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {_VERSION}")
        db.execute("COMMIT")


def read_entries(db: sqlite3.Connection, where: str = "", *values: Any) -> list[QueueEntry]:
    """The entries that a condition selects; ones that nobody can read are left out."""
    query = f"SELECT {', '.join(COLUMNS)} FROM downloads {where}"
    entries = []
    for row in db.execute(query, values):
        try:
            entries.append(_entry(dict(zip(COLUMNS, row, strict=True))))
        except (ValueError, LockError):
            log.warning("The download %s in the queue cannot be read.", row[0])
    return entries


def _entry(row: dict[str, Any]) -> QueueEntry:
    error = json.loads(row.pop("error") or "null")
    path = row.pop("path")
    return QueueEntry(
        model=ModelIdentity.from_json(json.loads(row.pop("model"))),
        destination=Path(row.pop("destination")),
        error=error if isinstance(error, Mapping) else None,
        path=Path(path) if path else None,
        **row,
    )


def read_limits(db: sqlite3.Connection) -> QueueLimits:
    known = dict(db.execute("SELECT name, value FROM limits").fetchall())
    default = QueueLimits()
    return QueueLimits(
        total=known.get("total", default.total),
        per_host=known.get("per_host", default.per_host),
        connections=known.get("connections", default.connections),
        bytes_per_s=known.get("bytes_per_s", default.bytes_per_s),
    )
