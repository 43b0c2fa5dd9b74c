"""Files: what is known of the bytes at a path, as long as its size and modification time stay."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..folders import LocalModel
from ..hashes import FileDigests
from .database import Database

COLUMNS = (
    "id, path, kind, name, size, mtime_ns, device, inode, sha256, autov3, autov1, blake3, crc32,"
    " gone_at"
)
_DIGEST_COLUMNS = {"SHA256": "sha256", "AutoV1": "autov1", "AutoV3": "autov3", "BLAKE3": "blake3",
                   "CRC32": "crc32"}  # fmt: skip
_BATCH = 400
"""Below the 999 variables that old SQLites take in one statement."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One content that a path had, or still has."""

    id: int
    path: str
    """Real path."""
    kind: str
    name: str
    """Below its model folder, with `/`; empty when no scan has seen it."""
    size: int
    mtime_ns: int
    file_id: tuple[int, int]
    digests: FileDigests | None
    gone_at: float | None
    """When it was found missing or changed (Unix time); None while it is there."""

    @property
    def model(self) -> LocalModel:
        name = self.name or PurePosixPath(Path(self.path).as_posix()).name
        path = Path(self.path)
        return LocalModel(
            self.kind, name, path, self.size, self.mtime_ns, self.path, self.file_id
        )  # fmt: skip


class FileTable:
    """The files of all machines' folders that this catalog has met."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def digests(self, models: Iterable[LocalModel]) -> dict[LocalModel, FileDigests]:
        """What is known of files that are still the ones that were hashed."""
        rows = self.rows(models)
        return {model: row.digests for model, row in rows.items() if row.digests is not None}

    def rows(self, models: Iterable[LocalModel]) -> dict[LocalModel, FileRow]:
        """The rows of files that have not changed since."""
        by_key: dict[str, list[LocalModel]] = {}
        for model in models:
            by_key.setdefault(model.key, []).append(model)
        found: dict[LocalModel, FileRow] = {}
        with self._database.reading() as db:
            for row in _select_in(db, "gone_at IS NULL AND path", list(by_key)):
                for model in by_key[row.path]:
                    if (row.size, row.mtime_ns) == (model.size, model.mtime_ns):
                        found[model] = row
        return found

    def remember(
        self,
        model: LocalModel,
        digests: FileDigests | None,
        *,
        fingerprint: str | None = None,
        facts: dict[str, Any] | None = None,
    ) -> int:
        """Stores what was computed from a file's bytes; returns the row's id.

        What was known of the same bytes stays; another content of that path becomes history.
        """
        with self._database.writing() as db:
            row_id = row_of(db, model)
            if digests is not None:
                (before,) = db.execute(
                    "SELECT sha256 FROM files WHERE id = ?", (row_id,)
                ).fetchone()
                keep = before in (None, digests.sha256)
                old = "{0} = coalesce(?, {0})" if keep else "{0} = ?"
                names = ("autov1", "blake3", "crc32")
                columns = ", ".join(old.format(name) for name in names)
                columns += "" if keep else ", facts = NULL"
                db.execute(
                    f"UPDATE files SET sha256 = ?, autov3 = ?, {columns}, indexed = 0 WHERE id = ?",
                    (digests.sha256, digests.autov3, digests.autov1, digests.blake3,
                     digests.crc32, row_id),
                )  # fmt: skip
            if fingerprint is not None:
                db.execute("UPDATE files SET fingerprint = ? WHERE id = ?", (fingerprint, row_id))
            if facts is not None:
                keep_facts(db, row_id, facts)
            return row_id

    def facts(self, models: Iterable[LocalModel]) -> dict[LocalModel, dict[str, Any]]:
        """What headers said, for files where it is known and that have not changed since."""
        rows = self.rows(models)
        with self._database.reading() as db:
            texts = dict(_pairs(db, "SELECT id, facts FROM files WHERE id", [
                row.id for row in rows.values()
            ]))  # fmt: skip
        return {model: json.loads(text) for model, row in rows.items() if (text := texts[row.id])}

    def mark_used(self, models: Iterable[LocalModel]) -> None:
        """Says that files are in use: they are hashed before others."""
        now = time.time()
        with self._database.writing() as db:
            db.executemany(
                "UPDATE files SET used_at = ? WHERE path = ? AND gone_at IS NULL",
                [(now, model.key) for model in models],
            )

    def to_hash(self) -> Iterator[FileRow]:
        """Files without a digest: those in use first, then the newest."""
        with self._database.reading() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM files WHERE sha256 IS NULL AND gone_at IS NULL"
                " ORDER BY used_at IS NULL, used_at DESC, mtime_ns DESC"
            ).fetchall()
        return map(read_row, rows)

    def live(self) -> list[FileRow]:
        """All files that were there when they were last looked for."""
        return self._select("gone_at IS NULL")

    def history(self, path: str) -> list[FileRow]:
        """Every content that a path had, the newest first."""
        return self._select("path = ? ORDER BY gone_at IS NULL DESC, gone_at DESC", path)

    def with_digest(self, kind: str, hex_: str) -> list[FileRow]:
        """Files whose bytes have a digest (`SHA256`, `AutoV1`, ..., any case), where computed."""
        wanted = hex_.lower()
        if kind == "AutoV2":
            return self._select(
                "sha256 >= ? AND sha256 < ? AND gone_at IS NULL", wanted, wanted + "g"
            )
        return self._select(f"{_DIGEST_COLUMNS[kind]} = ? AND gone_at IS NULL", wanted)

    def with_claim(self, hex_: str) -> list[FileRow]:
        """Files that are not hashed yet, but claim a digest."""
        return self._select(
            "sha256 IS NULL AND gone_at IS NULL AND id IN (SELECT file FROM claims WHERE hex = ?)",
            hex_.lower(),
        )

    def with_size(self, size: int) -> list[FileRow]:
        return self._select("size = ? AND gone_at IS NULL", size)

    def with_name(self, name: str) -> list[FileRow]:
        """Files of any kind with this name below their folder, or whose path ends with it.

        Either separator will do, and case does not count.
        """
        wanted = name.replace("\\", "/").strip("/").lower()
        base = wanted.rpartition("/")[2]
        rows = self._select("base = ? AND gone_at IS NULL ORDER BY kind, name", base)
        return [row for row in rows if f"/{row.name}".lower().endswith(f"/{wanted}")]

    def with_stem(self, stem: str) -> list[FileRow]:
        """Files of any kind that are called so, less their ending."""
        wanted = stem.lower()
        low, high = wanted + ".", wanted + "/"  # what follows a dot in the order of bytes
        rows = self._select("base >= ? AND base < ? AND gone_at IS NULL ORDER BY name", low, high)
        return [row for row in rows if PurePosixPath(row.name).stem.lower() == wanted]

    def _select(self, where: str, *values: Any) -> list[FileRow]:
        with self._database.reading() as db:
            return list(
                map(read_row, db.execute(f"SELECT {COLUMNS} FROM files WHERE {where}", values))
            )


def row_of(db: sqlite3.Connection, model: LocalModel) -> int:
    """The live row of a file; a row of other bytes at that path becomes history."""
    now, key = time.time(), model.key
    found = db.execute(
        "SELECT id, size, mtime_ns FROM files WHERE path = ? AND gone_at IS NULL", (key,)
    ).fetchone()
    if found is not None and found[1:] == (model.size, model.mtime_ns):
        return int(found[0])
    if found is not None:
        db.execute("UPDATE files SET gone_at = ? WHERE id = ?", (now, found[0]))
    return insert(db, model, now)


def keep_facts(db: sqlite3.Connection, row_id: int, facts: dict[str, Any]) -> None:
    """Stores what a file's header says."""
    db.execute("UPDATE files SET facts = ?, indexed = 0 WHERE id = ?", (json.dumps(facts), row_id))


def insert(db: sqlite3.Connection, model: LocalModel, now: float) -> int:
    """A new row for a file of which nothing is known."""
    model = with_place(model)
    done = db.execute(
        "INSERT INTO files (path, kind, name, base, size, mtime_ns, device, inode, added_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (model.key, model.kind, model.name, base_of(model.name), model.size, model.mtime_ns,
         *storable(model.file_id), now),
    )  # fmt: skip
    return int(done.lastrowid or 0)


def with_place(model: LocalModel) -> LocalModel:
    """With device and inode, if it is there: listing a folder does not tell them on Windows."""
    if model.file_id[1]:
        return model
    try:
        status = os.stat(model.path)
    except OSError:
        return model
    return replace(model, file_id=(status.st_dev, status.st_ino))


def base_of(name: str) -> str:
    return name.rpartition("/")[2].lower()


def storable(file_id: tuple[int, int]) -> tuple[int, int]:
    """Device and inode as SQLite's signed integers: Windows fills all 64 bits."""
    device, inode = (number - (1 << 64) if number >= 1 << 63 else number for number in file_id)
    return device, inode


def _select_in(db: sqlite3.Connection, where: str, values: Sequence[Any]) -> Iterator[FileRow]:
    for start in range(0, len(values), _BATCH):
        part = values[start : start + _BATCH]
        marks = ", ".join("?" * len(part))
        sql = f"SELECT {COLUMNS} FROM files WHERE {where} IN ({marks})"
        yield from map(read_row, db.execute(sql, part))


def _pairs(db: sqlite3.Connection, select: str, values: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    for start in range(0, len(values), _BATCH):
        part = values[start : start + _BATCH]
        yield from db.execute(f"{select} IN ({', '.join('?' * len(part))})", part)


def read_row(row: tuple[Any, ...]) -> FileRow:
    """From the values of `COLUMNS`."""
    id_, path, kind, name, size, mtime_ns, device, inode, sha256, autov3, *others, gone_at = row
    digests = None if sha256 is None else FileDigests(sha256, autov3, size, *others)
    return FileRow(id_, path, kind, name, size, mtime_ns, (device, inode), digests, gone_at)
