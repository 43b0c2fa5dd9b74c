"""Where digests can be fetched, as marketplaces answered; misses are believed for minutes only."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping

from ..identity import Source
from .database import Database

FOUND_SECONDS = 7 * 24 * 3600
"""How long a marketplace's answer stays good; a file's ids hardly ever change."""
NOT_FOUND_SECONDS = 300
"""How long a miss is believed: the file may be published any minute."""


class AnswerTable:
    """(marketplace, SHA256) -> sources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, marketplace: str, sha256s: Iterable[str]) -> dict[str, tuple[Source, ...]]:
        """Answers that are still good, by digest; an empty tuple is a recent miss."""
        now = time.time()
        known: dict[str, tuple[Source, ...]] = {}
        with self._database.reading() as db:
            for sha256 in sha256s:
                row = db.execute(
                    "SELECT sources, asked_at FROM answers WHERE marketplace = ? AND sha256 = ?",
                    (marketplace, sha256),
                ).fetchone()
                if row is None:
                    continue
                sources = tuple(Source.from_json(item) for item in json.loads(row[0]))
                if 0 <= now - row[1] < (FOUND_SECONDS if sources else NOT_FOUND_SECONDS):
                    known[sha256] = sources
        return known

    def put(self, marketplace: str, answers: Mapping[str, tuple[Source, ...]]) -> None:
        """Stores a marketplace's answers, misses (empty tuples) included."""
        rows = [
            (marketplace, sha256, json.dumps([source.to_json() for source in sources]), time.time())
            for sha256, sources in answers.items()
        ]
        with self._database.writing() as db:
            db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)
