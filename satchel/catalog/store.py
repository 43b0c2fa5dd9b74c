"""The only door to the catalog database: digests of files, and where digests can be fetched.

SQLite in WAL mode, one short connection per operation: several servers and the command line may
use it at once. A file's digests count as known while its path, size and modification time are
unchanged.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock

from ..errors import CatalogError
from ..folders import LocalModel
from ..hashes import FileDigests
from ..identity import Source

log = logging.getLogger(__name__)

FOUND_SECONDS = 7 * 24 * 3600
"""How long a marketplace's answer stays good; a file's ids hardly ever change."""
NOT_FOUND_SECONDS = 300
"""How long a miss is believed: the file may be published any minute."""

_PATIENCE_S = 30
"""How long to wait for another process that is writing."""
_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL, autov3 TEXT
);
CREATE INDEX IF NOT EXISTS files_by_sha256 ON files (sha256);
CREATE TABLE IF NOT EXISTS answers (
    marketplace TEXT NOT NULL, sha256 TEXT NOT NULL, sources TEXT NOT NULL, asked_at REAL NOT NULL,
    PRIMARY KEY (marketplace, sha256)
);
"""


class Catalog:
    """The catalog at a path; the file and its folder are made on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready = False

    @property
    def path(self) -> Path:
        """Where it is; a user's presets lie beside it."""
        return self._path

    def digests(self, model: LocalModel) -> FileDigests | None:
        """What is known of a file, if it is still the file that was hashed."""
        with self._transaction() as db:
            row = db.execute(
                "SELECT sha256, autov3 FROM files WHERE path = ? AND size = ? AND mtime_ns = ?",
                (_key(model.path), model.size, model.mtime_ns),
            ).fetchone()
        return FileDigests(row[0], row[1], model.size) if row else None

    def files_with(self, sha256: str) -> set[tuple[str, int, int]]:
        """(real path, size, mtime_ns) of files that had these bytes when they were hashed."""
        with self._transaction() as db:
            rows = db.execute("SELECT path, size, mtime_ns FROM files WHERE sha256 = ?", (sha256,))
            return {(path, size, mtime_ns) for path, size, mtime_ns in rows}

    def remember(self, model: LocalModel, digests: FileDigests) -> None:
        """Stores a file's digests, replacing what was known of that path."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                (_key(model.path), model.size, model.mtime_ns, digests.sha256, digests.autov3),
            )

    def sources(self, marketplace: str, sha256s: Iterable[str]) -> dict[str, tuple[Source, ...]]:
        """Answers that are still good, by digest; an empty tuple is a recent miss."""
        now = time.time()
        known: dict[str, tuple[Source, ...]] = {}
        with self._transaction() as db:
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

    def remember_sources(self, marketplace: str, answers: dict[str, tuple[Source, ...]]) -> None:
        """Stores a marketplace's answers, misses (empty tuples) included."""
        rows = [
            (marketplace, sha256, json.dumps([source.to_json() for source in sources]), time.time())
            for sha256, sources in answers.items()
        ]
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", rows)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect()) as db, db:
                yield db
        except (sqlite3.DatabaseError, OSError) as error:
            raise CatalogError(
                f"The catalog {self._path.name} cannot be used: {error}.",
                hint="Check that its folder is writable and the disk is not full. A damaged one"
                " is replaced at the next start.",
                path=self._path.name,
            ) from error

    def _connect(self) -> sqlite3.Connection:
        # The file may be deleted at any time, also while a server runs.
        if not self._ready or not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Switching a database to WAL fails at once, whatever the timeout, while another
            # process does the same; and only one may set a damaged file aside.
            with FileLock(self._path.with_name(f"{self._path.name}.lock"), timeout=_PATIENCE_S):
                self._prepare()
            self._ready = True
        return sqlite3.connect(self._path, timeout=_PATIENCE_S)

    def _prepare(self) -> None:
        """Makes the tables; a file that is no database is set aside and a new one begun."""
        try:
            self._create_tables()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            aside = self._path.with_name(f"{self._path.name}.corrupt-{time.time_ns()}")
            self._path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            log.warning("The catalog was damaged; it is set aside as %s and rebuilt.", aside.name)
            self._create_tables()

    def _create_tables(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=_PATIENCE_S)) as db, db:
            if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged pages")
            db.execute("PRAGMA journal_mode = WAL")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > _SCHEMA_VERSION:
                raise CatalogError(
                    f"The catalog {self._path.name} was written by a newer Satchel.",
                    hint="Update Satchel, or move the catalog file away.",
                    path=self._path.name,
                )
            db.executescript(_SCHEMA)
            db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _key(path: Path) -> str:
    return str(path.resolve())
