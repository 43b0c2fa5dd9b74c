"""What people, and the programs they used before, wrote about files: notes, words, claims.

Notes belong to bytes: a file that was deleted and fetched again, or that is here twice, has them.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..folders import LocalModel
from .database import Database
from .files import keep_facts, row_of

USER = "user"
"""The origin of what was written in Satchel itself; others are names of sidecar formats."""


@dataclass(frozen=True, slots=True)
class Note:
    """One origin's words about a file."""

    origin: str = USER
    title: str = ""
    text: str = ""
    words: tuple[str, ...] = ()
    """Trigger words."""
    tags: tuple[str, ...] = ()
    base_model: str = ""
    strength: float | None = None
    """The one that is preferred."""

    @property
    def empty(self) -> bool:
        return self == Note(self.origin)


@dataclass(frozen=True, slots=True)
class Claim:
    """A digest that somebody says a file has; it identifies nothing until the file is hashed."""

    kind: str
    hex: str
    origin: str
    """`header`, or the name of a sidecar format."""
    plausible: bool = False
    """Whether size and time fit the file as it is now."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is written about one file."""

    model: LocalModel
    notes: tuple[Note, ...] = ()
    claims: tuple[Claim, ...] = ()
    sidecars: tuple[tuple[str, int, int], ...] = ()
    """(path, size, mtime_ns) of what it was read from."""
    facts: dict[str, Any] | None = None
    """What its header says; None: nobody has read it."""


class NoteTable:
    """Notes and claims by file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, model: LocalModel, notes: Iterable[Note], claims: Iterable[Claim] = ()) -> None:
        """Stores notes and claims, each replacing its origin's last; an empty note removes it."""
        self.put_all([Written(model, tuple(notes), tuple(claims))])

    def put_all(self, entries: Iterable[Written]) -> None:
        """The same for many files at once."""
        now = time.time()
        with self._database.writing() as db:
            for entry in entries:
                row_id = row_of(db, entry.model)
                for note in entry.notes:
                    _put_note(db, row_id, note, now)
                db.executemany(
                    "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
                    [(row_id, c.kind, c.hex.lower(), c.origin, c.plausible) for c in entry.claims],
                )
                db.executemany(
                    "INSERT OR REPLACE INTO sidecars VALUES (?, ?, ?, ?)",
                    [(row_id, *stamp) for stamp in entry.sidecars],
                )
                if entry.facts is not None:
                    keep_facts(db, row_id, entry.facts)
                db.execute(
                    "UPDATE files SET indexed = 0 WHERE id = ?"
                    " OR sha256 = (SELECT sha256 FROM files WHERE id = ?)",
                    (row_id, row_id),
                )

    def of(self, model: LocalModel) -> list[Note]:
        """What is written about a file's bytes: the user's own first, then the latest."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT origin, title, text, words, tags, base_model, strength FROM notes"
                f" WHERE file IN ({_SAME_BYTES})"
                " ORDER BY origin != 'user', written_at DESC, origin",
                {"path": model.key, "size": model.size, "mtime_ns": model.mtime_ns},
            ).fetchall()
        notes: dict[str, Note] = {}
        for origin, title, text, words, tags, base_model, strength in rows:
            notes.setdefault(
                origin,
                Note(origin, title, text, tuple(json.loads(words)), tuple(json.loads(tags)),
                     base_model, strength),
            )  # fmt: skip
        return list(notes.values())

    def claims(self, model: LocalModel) -> list[Claim]:
        """The digests that are claimed for a file, plausible ones first."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT claims.kind, hex, origin, plausible FROM claims JOIN files ON id = file"
                " WHERE path = ? AND size = ? AND mtime_ns = ? AND gone_at IS NULL"
                " ORDER BY plausible DESC, origin",
                (model.key, model.size, model.mtime_ns),
            ).fetchall()
        return [
            Claim(kind, hex_, origin, bool(plausible)) for kind, hex_, origin, plausible in rows
        ]

    def sidecars(self) -> dict[str, tuple[int, int]]:
        """Path -> size and time of every sidecar that was read for a file that is still there."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT sidecars.path, sidecars.size, sidecars.mtime_ns FROM sidecars"
                " JOIN files ON id = file WHERE gone_at IS NULL"
            )
            return {path: (size, mtime_ns) for path, size, mtime_ns in rows}


def _put_note(db: sqlite3.Connection, row_id: int, note: Note, now: float) -> None:
    db.execute("DELETE FROM notes WHERE file = ? AND origin = ?", (row_id, note.origin))
    if not note.empty:
        db.execute(
            "INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row_id, note.origin, note.title, note.text, json.dumps(note.words),
             json.dumps(note.tags), note.base_model, note.strength, now),
        )  # fmt: skip


_SAME_BYTES = """
    SELECT other.id FROM files JOIN files AS other
    ON other.id = files.id OR other.sha256 = files.sha256
    WHERE files.path = :path AND files.size = :size AND files.mtime_ns = :mtime_ns
    AND files.gone_at IS NULL
"""
