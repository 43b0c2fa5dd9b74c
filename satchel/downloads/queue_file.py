"""The file that keeps the queue: a small SQLite database, whole after a kill at any moment."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import LockError
from ..identity import ModelIdentity
from ..sqlite_file import SqliteFile
from .queue_values import QueueEntry, QueueLimits

log = logging.getLogger(__name__)

_VERSION_1 = (
    """CREATE TABLE IF NOT EXISTS downloads (
    id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, destination TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued', priority INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, total INTEGER,
    bytes_per_s REAL NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
    retry_at REAL NOT NULL DEFAULT 0, error TEXT, path TEXT, note TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL DEFAULT '', wish TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL DEFAULT ''
)""",
    "CREATE TABLE IF NOT EXISTS limits (name TEXT PRIMARY KEY, value INTEGER)",
)
COLUMNS = (
    "id", "model", "destination", "state", "priority", "position", "done", "total", "bytes_per_s",
    "attempts", "retry_at", "error", "path", "note", "owner", "wish", "sha256",
)  # fmt: skip


class QueueFile(SqliteFile):
    """The queue at a path."""

    title = "download queue"
    migrations = (_VERSION_1,)


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
