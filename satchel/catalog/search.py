"""Full-text search over names, titles, tags, trigger words and notes of local files.

The texts are put together when somebody searches, for files that changed since the last time. With
an SQLite that was built without FTS5 the same words are looked for anywhere in the same texts.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from .database import Database
from .files import COLUMNS, FileRow, read_row

_WORD = re.compile(r"\w+")
_TEXT_COLUMNS = ("name", "title", "tags", "words", "notes")
_WEIGHTS = "10.0, 8.0, 3.0, 5.0, 1.0"
"""How much a hit in each column counts."""


class SearchIndex:
    """Finds live files by words."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, text: str, *, kinds: Sequence[str] = (), limit: int = 50) -> list[FileRow]:
        """Files that have all words of a text, or words that begin with them; the best first.

        Where no file has, the words may stand inside others.
        """
        words = _WORD.findall(text.casefold())
        if not words:
            return []
        self._refresh()
        with self._database.reading() as db:
            rows = []
            if self._database.has_full_text:
                rows = _full_text(db, words, kinds, limit, COLUMNS)
            return list(map(read_row, rows or _anywhere(db, words, kinds, limit, COLUMNS)))

    def paths(self, text: str) -> list[str]:
        """Real paths of all files that `find` would give, in its order."""
        words = _WORD.findall(text.casefold())
        if not words:
            return []
        self._refresh()
        with self._database.reading() as db:
            rows = _full_text(db, words, (), -1, "path") if self._database.has_full_text else []
            return [path for (path,) in rows or _anywhere(db, words, (), -1, "path")]

    def _refresh(self) -> None:
        full = self._database.has_full_text
        # An index that another SQLite could not keep up to date counts as missing.
        stale = f"indexed IN {'(0, 2)' if full else '(0)'} AND gone_at IS NULL"
        query = f"SELECT id FROM files WHERE {stale}"
        with self._database.reading() as db:
            if not db.execute(f"{query} LIMIT 1").fetchone():
                return
        state = 1 if full else 2
        with self._database.writing() as db:
            _index_names(db, f"{stale} AND {_ONLY_A_NAME}", state, full=full)
            rest = [row_id for (row_id,) in db.execute(query)]
            for row_id in rest:
                _index(db, _texts_of(db, row_id), full=full)
            db.executemany(
                "UPDATE files SET indexed = ? WHERE id = ?", [(state, row_id) for row_id in rest]
            )


_ONLY_A_NAME = """
    sha256 IS NULL AND facts IS NULL
    AND id NOT IN (SELECT file FROM notes UNION SELECT file FROM claims)
"""


def _index_names(db: sqlite3.Connection, where: str, state: int, *, full: bool) -> None:
    """All at once, for files of which nothing else is known: after a first scan, that is all."""
    rows = f"SELECT id, name, '', '', '', '' FROM files WHERE {where}"
    db.execute(f"INSERT OR REPLACE INTO texts {rows}")
    if full:
        db.execute(f"DELETE FROM full_text WHERE rowid IN (SELECT id FROM files WHERE {where})")
        db.execute(f"INSERT INTO full_text (rowid, name, title, tags, words, notes) {rows}")
    db.execute(f"UPDATE files SET indexed = ? WHERE {where}", (state,))


def _index(
    db: sqlite3.Connection, texts: tuple[int, str, str, str, str, str], *, full: bool
) -> None:
    db.execute("INSERT OR REPLACE INTO texts VALUES (?, ?, ?, ?, ?, ?)", texts)
    if full:
        db.execute("DELETE FROM full_text WHERE rowid = ?", texts[:1])
        db.execute(
            "INSERT INTO full_text (rowid, name, title, tags, words, notes)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            texts,
        )


def _full_text(
    db: sqlite3.Connection, words: Sequence[str], kinds: Sequence[str], limit: int, columns: str
) -> list[tuple[Any, ...]]:
    # In quotes, since a user's `NOT` or `*` is a word like others.
    query = " ".join(f'"{word}"*' for word in words)
    return db.execute(
        f"SELECT {_of('files', columns)} FROM full_text JOIN files ON files.id = full_text.rowid"
        f" WHERE full_text MATCH ? AND gone_at IS NULL {_of_kinds(kinds)}"
        f" ORDER BY bm25(full_text, {_WEIGHTS}), files.name LIMIT ?",
        (query, *kinds, limit),
    ).fetchall()


def _anywhere(
    db: sqlite3.Connection, words: Sequence[str], kinds: Sequence[str], limit: int, columns: str
) -> list[tuple[Any, ...]]:
    anywhere = " || ' ' || ".join(f"texts.{column}" for column in _TEXT_COLUMNS)
    tests = " AND ".join(f"instr(lower({anywhere}), ?) > 0" for _ in words)
    return db.execute(
        f"SELECT {_of('files', columns)} FROM texts JOIN files ON files.id = texts.file"
        f" WHERE {tests} AND gone_at IS NULL {_of_kinds(kinds)} ORDER BY files.name LIMIT ?",
        (*words, *kinds, limit),
    ).fetchall()


def _of(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{column}" for column in columns.split(", "))


def _of_kinds(kinds: Sequence[str]) -> str:
    return f"AND files.kind IN ({', '.join('?' * len(kinds))})" if kinds else ""


def _texts_of(db: sqlite3.Connection, row_id: int) -> tuple[int, str, str, str, str, str]:
    name, sha256, autov3, facts = db.execute(
        "SELECT name, sha256, autov3, facts FROM files WHERE id = ?", (row_id,)
    ).fetchone()
    titles: list[str] = []
    tags: list[str] = []
    words: list[str] = []
    notes: list[str] = []
    if facts:
        words += json.loads(facts).get("trigger_words", [])
    for title, text, own_words, own_tags, base_model in db.execute(
        "SELECT title, text, words, tags, base_model FROM notes WHERE file IN"
        " (SELECT id FROM files WHERE id = ? OR (sha256 = ? AND sha256 IS NOT NULL))",
        (row_id, sha256),
    ):
        titles += [title, base_model]
        notes.append(text)
        words += json.loads(own_words)
        tags += json.loads(own_tags)
    for record in _records(db, row_id, sha256, autov3):
        model_name, version_name, base_model, own_words, author, own_tags = record
        titles += [model_name, version_name, base_model, author]
        words += json.loads(own_words)
        tags += json.loads(own_tags or "[]")
    parts = [_joined(part) for part in (titles, tags, words, notes)]
    return (row_id, name, parts[0], parts[1], parts[2], parts[3])


def _records(
    db: sqlite3.Connection, row_id: int, sha256: str | None, autov3: str | None
) -> Iterable[tuple[str, ...]]:
    """Of the versions that a file is, or says that it is as long as it is not hashed."""
    hexes = [sha256, autov3]
    if sha256 is None:
        hexes = [hex_ for (hex_,) in db.execute(
            "SELECT hex FROM claims WHERE file = ? AND plausible", (row_id,)
        )]  # fmt: skip
    return db.execute(
        "SELECT DISTINCT versions.model_name, versions.name, versions.base_model, versions.words,"
        " models.author, models.tags FROM published_digests"
        " JOIN published ON published.id = published_digests.published"
        " JOIN versions ON versions.id = published.version"
        " LEFT JOIN models USING (source, model_id)"
        f" WHERE published_digests.kind IN ('SHA256', 'AutoV3')"
        f" AND hex IN ({', '.join('?' * len(hexes))})",
        hexes,
    )


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(text for text in texts if text))
