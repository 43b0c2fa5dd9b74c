"""A SQLite file of ours: opened, migrated, and set aside when it is damaged.

WAL mode, one short connection per operation: several servers and the command line may use it at
once. Whoever is killed in the middle loses only what was not committed.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock

from .errors import CatalogError

log = logging.getLogger(__name__)

_PATIENCE_S = 30
"""How long to wait for another process that is writing."""


class SqliteFile:
    """The file at a path; it and its folder are made on first use.

    A subclass says what it is called in messages (`title`) and lists the statements of each
    version (`migrations`); a released step is never changed.
    """

    title: str
    migrations: Sequence[Sequence[str]]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ready = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database throughout.

        Raises:
            CatalogError: it cannot be used.
        """
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection that alone may write; what it did is kept as a whole, or not at all.

        Raises:
            CatalogError: it cannot be used.
        """
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    def opened(self, db: sqlite3.Connection) -> None:
        """What a subclass does once per process, when the tables are there."""

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
                f"The {self.title} {self.path.name} cannot be used: {error}.",
                hint="Check that its folder is writable and the disk is not full. A damaged one"
                " is replaced at the next start.",
                path=self.path.name,
            ) from error

    def _connect(self) -> sqlite3.Connection:
        # The file may be deleted at any time, also while a server runs.
        if not self._ready or not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Switching a database to WAL fails at once, whatever the timeout, while another
            # process does the same; and only one may set a damaged file aside.
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=_PATIENCE_S):
                self._prepare()
            self._ready = True
        return self._open()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
        # In WAL mode a killed process loses nothing with this, and a power cut only the last
        # moments: everything here can be computed or asked again.
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    def _prepare(self) -> None:
        """Makes the tables; a file that is no database is set aside and a new one begun."""
        try:
            self._migrate()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            aside = self.path.with_name(f"{self.path.name}.corrupt-{time.time_ns()}")
            self.path.replace(aside)
            for suffix in ("-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            log.warning(
                "The %s was damaged; it is set aside as %s and a new one is begun.",
                self.title,
                aside.name,
            )
            self._migrate()

    def _migrate(self) -> None:
        with closing(self._open()) as db:
            if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged pages")
            db.execute("PRAGMA journal_mode = WAL")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(self.migrations):
                raise CatalogError(
                    f"The {self.title} {self.path.name} was written by a newer Satchel.",
                    hint="Update Satchel, or move that file away.",
                    path=self.path.name,
                )
            for number in range(version, len(self.migrations)):
                db.execute("BEGIN IMMEDIATE")
                for statement in self.migrations[number]:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number + 1}")
                db.execute("COMMIT")
            self.opened(db)
