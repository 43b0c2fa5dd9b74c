"""Which bytes a reference stood for when somebody fetched it."""

from __future__ import annotations

import time

from .database import Database


class ReferenceTable:
    """Canonical text of a reference -> SHA256. What a branch stood for then, it stands for here
    until it is fetched again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, text: str) -> str | None:
        """The SHA256, if that reference was ever fetched."""
        with self._database.reading() as db:
            row = db.execute(
                "SELECT sha256 FROM fetched_references WHERE text = ?", (text,)
            ).fetchone()
        return None if row is None else str(row[0])

    def put(self, text: str, sha256: str) -> None:
        """Stores what a reference stood for; never one whose text may hold a secret."""
        with self._database.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO fetched_references VALUES (?, ?, ?)",
                (text, sha256, time.time()),
            )
