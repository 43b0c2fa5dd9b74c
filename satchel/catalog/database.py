"""The catalog's SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..sqlite_file import SqliteFile
from .schema import MIGRATIONS, create_full_text


class Database(SqliteFile):
    """The catalog at a path."""

    title = "catalog"
    migrations = MIGRATIONS

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._full_text = False

    @property
    def has_full_text(self) -> bool:
        """Whether this Python's SQLite was built with FTS5; known once the file was opened."""
        return self._full_text

    def opened(self, db: sqlite3.Connection) -> None:
        """Makes the full-text index, or finds that there can be none."""
        self._full_text = create_full_text(db)
