"""The tables, as steps from each version of the schema to the next.

A step is never changed once it was released; `PRAGMA user_version` counts the steps that a file has
behind it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

_VERSION_1 = (
    """CREATE TABLE IF NOT EXISTS files (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        sha256 TEXT NOT NULL, autov3 TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS files_by_sha256 ON files (sha256)",
    """CREATE TABLE IF NOT EXISTS answers (
        marketplace TEXT NOT NULL, sha256 TEXT NOT NULL, sources TEXT NOT NULL,
        asked_at REAL NOT NULL, PRIMARY KEY (marketplace, sha256)
    )""",
)

_FILES = (
    "ALTER TABLE files RENAME TO files_1",
    "DROP INDEX files_by_sha256",
    # One row per content: when the bytes at a path change, the old row stays as history.
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL, kind TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '',
        base TEXT NOT NULL DEFAULT '',
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        device INTEGER NOT NULL DEFAULT 0, inode INTEGER NOT NULL DEFAULT 0,
        sha256 TEXT, autov3 TEXT, autov1 TEXT, blake3 TEXT, crc32 TEXT,
        fingerprint TEXT, facts TEXT,
        added_at REAL NOT NULL DEFAULT 0, used_at REAL, gone_at REAL,
        indexed INTEGER NOT NULL DEFAULT 0  -- 1: searchable; 2: by an SQLite without FTS5
    )""",
    "INSERT INTO files (path, size, mtime_ns, sha256, autov3)"
    " SELECT path, size, mtime_ns, sha256, autov3 FROM files_1",
    "DROP TABLE files_1",
    "CREATE UNIQUE INDEX live_files ON files (path) WHERE gone_at IS NULL",
    *(
        f"CREATE INDEX files_by_{column} ON files ({column}) WHERE {column} IS NOT NULL"
        for column in ("sha256", "autov3", "autov1", "blake3", "crc32")
    ),
    "CREATE INDEX files_by_size ON files (size)",
    "CREATE INDEX files_by_base ON files (base)",
    "CREATE INDEX files_not_indexed ON files (indexed) WHERE indexed != 1",
    """CREATE TABLE claims (
        file INTEGER NOT NULL, kind TEXT NOT NULL, hex TEXT NOT NULL, origin TEXT NOT NULL,
        plausible INTEGER NOT NULL, PRIMARY KEY (file, kind, origin)
    )""",
    "CREATE INDEX claims_by_hex ON claims (hex)",
    """CREATE TABLE notes (
        file INTEGER NOT NULL, origin TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
        words TEXT NOT NULL, tags TEXT NOT NULL, base_model TEXT NOT NULL, strength REAL,
        written_at REAL NOT NULL, PRIMARY KEY (file, origin)
    )""",
    """CREATE TABLE sidecars (
        file INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, PRIMARY KEY (file, path)
    )""",
)

_RECORDS = (
    """CREATE TABLE models (
        source TEXT NOT NULL, model_id TEXT NOT NULL, name TEXT NOT NULL, author TEXT NOT NULL,
        type TEXT NOT NULL, licence TEXT NOT NULL, permissions TEXT NOT NULL, tags TEXT NOT NULL,
        checked_at REAL, PRIMARY KEY (source, model_id)
    )""",
    """CREATE TABLE versions (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, model_id TEXT NOT NULL,
        version_id TEXT NOT NULL, model_name TEXT NOT NULL, name TEXT NOT NULL,
        base_model TEXT NOT NULL, air TEXT NOT NULL, page_url TEXT NOT NULL,
        description TEXT NOT NULL, words TEXT NOT NULL, nsfw_level INTEGER NOT NULL,
        published_at TEXT NOT NULL, status TEXT NOT NULL, early_access_until TEXT NOT NULL,
        origin TEXT NOT NULL, learnt_at REAL NOT NULL,
        UNIQUE (source, model_id, version_id)
    )""",
    "CREATE INDEX versions_by_id ON versions (source, version_id)",
    """CREATE TABLE published (
        id INTEGER PRIMARY KEY, version INTEGER NOT NULL, position INTEGER NOT NULL,
        kind TEXT NOT NULL, name TEXT NOT NULL, size INTEGER, type TEXT NOT NULL,
        format TEXT NOT NULL, precision TEXT NOT NULL, is_primary INTEGER NOT NULL,
        sources TEXT NOT NULL, warnings TEXT NOT NULL
    )""",
    "CREATE INDEX published_by_version ON published (version)",
    """CREATE TABLE published_digests (
        published INTEGER NOT NULL, kind TEXT NOT NULL, hex TEXT NOT NULL,
        PRIMARY KEY (published, kind)
    )""",
    "CREATE INDEX published_by_hex ON published_digests (kind, hex)",
    """CREATE TABLE previews (
        version INTEGER NOT NULL, position INTEGER NOT NULL, url TEXT NOT NULL,
        type TEXT NOT NULL, nsfw_level INTEGER NOT NULL, width INTEGER NOT NULL,
        height INTEGER NOT NULL, PRIMARY KEY (version, position)
    )""",
    """CREATE TABLE texts (
        file INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL, tags TEXT NOT NULL,
        words TEXT NOT NULL, notes TEXT NOT NULL
    )""",
)

_REFERENCES = (
    """CREATE TABLE fetched_references (
        text TEXT PRIMARY KEY, sha256 TEXT NOT NULL, fetched_at REAL NOT NULL
    )""",
)

_REFUSED_PREVIEWS = ("CREATE TABLE refused_previews (url TEXT PRIMARY KEY, until REAL NOT NULL)",)

MIGRATIONS: Sequence[Sequence[str]] = (
    _VERSION_1, (*_FILES, *_RECORDS), _REFERENCES, _REFUSED_PREVIEWS,
)  # fmt: skip


def create_full_text(db: sqlite3.Connection) -> bool:
    """Makes the full-text index over `texts`, if SQLite can; False if it was built without FTS5.

    Apart from the steps, since the next process may have another SQLite: the index only repeats
    what is in `texts`.
    """
    columns = "name, title, tags, words, notes, tokenize = 'unicode61 remove_diacritics 2'"
    try:
        db.execute("CREATE VIRTUAL TABLE temp.probe USING fts5(a)")
    except sqlite3.OperationalError:
        return False
    db.execute("DROP TABLE temp.probe")
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'full_text'").fetchone():
        db.execute(f"CREATE VIRTUAL TABLE full_text USING fts5({columns})")
        db.execute("UPDATE files SET indexed = 0")
    return True
