"""A new listing of model folders against the files that were known: first decided, then stored."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..folders import LocalModel
from .database import Database
from .files import COLUMNS, FileRow, base_of, insert, read_row, storable, with_place

Fingerprint = Callable[[Path], str | None]
"""Few bytes that tell files of one size apart (`satchel.fingerprint`); None if unreadable."""


@dataclass(frozen=True, slots=True)
class ListingChanges:
    """What a listing found that was not known."""

    listed: int
    added: tuple[LocalModel, ...] = ()
    moved: tuple[tuple[FileRow, LocalModel], ...] = ()
    """Known contents at a new path, back at an old one, or under a second name (a hard link)."""
    gone: tuple[FileRow, ...] = ()
    """Contents whose path is missing, or has other bytes now."""
    renamed: tuple[tuple[FileRow, LocalModel], ...] = ()
    """The same path, seen as another kind or below another root, or its inode was not known."""

    @property
    def any(self) -> bool:
        return bool(self.added or self.moved or self.gone or self.renamed)

    def to_json(self) -> dict[str, int]:
        """How many of each."""
        return {"added": len(self.added), "moved": len(self.moved), "gone": len(self.gone)}


@dataclass
class _Known:
    """What may be the content of a file that is new at its path, by the evidence that finds it."""

    by_place: dict[tuple[str, int, int], FileRow] = field(default_factory=dict)
    by_inode: dict[tuple[tuple[int, int], int, int], FileRow] = field(default_factory=dict)
    by_size: dict[int, list[tuple[FileRow, str]]] = field(default_factory=dict)


def store_listing(
    database: Database, models: Iterable[LocalModel], roots: Sequence[str], fingerprint: Fingerprint
) -> ListingChanges:
    """Brings the catalog up to date with a complete listing of folders.

    Args:
        roots: real paths of the folders that were listed: only files below them can be missing.
    """
    listing = {model.key: model for model in reversed(list(models))}  # the first name counts
    live, history = _read(database)
    changes = plan_listing(listing, live, history, roots, fingerprint)
    if changes.any:
        with database.writing() as db:
            _carry_out(db, changes)
    return changes


def plan_listing(
    listing: dict[str, LocalModel],
    live: Sequence[FileRow],
    history: Callable[[], Sequence[tuple[FileRow, str | None]]],
    roots: Sequence[str],
    fingerprint: Fingerprint,
) -> ListingChanges:
    """Decides what became of every file. Reads bytes only where a size alone proves nothing."""
    below = tuple(os.path.join(root, "") for root in roots)
    same: set[str] = set()
    renamed: list[tuple[FileRow, LocalModel]] = []
    lost: list[FileRow] = []
    for row in live:
        model = listing.get(row.path)
        if model is not None and (row.size, row.mtime_ns) == (model.size, model.mtime_ns):
            same.add(row.path)
            unplaced = not row.file_id[1] and model.file_id[1]
            if unplaced or (row.kind, row.name) != (model.kind, model.name):
                renamed.append((row, model))
        elif model is not None or row.path.startswith(below):
            lost.append(row)
    fresh = [with_place(model) for path, model in listing.items() if path not in same]
    if not fresh:
        return ListingChanges(len(listing), gone=tuple(lost), renamed=tuple(renamed))
    known = _known(live, {row.id for row in lost}, history())
    added: list[LocalModel] = []
    moved: list[tuple[FileRow, LocalModel]] = []
    taken: set[int] = set()
    for model in fresh:
        content = _content_of(model, known, taken, fingerprint)
        if content is None:
            added.append(model)
        else:
            taken.add(content.id)
            moved.append((content, model))
    gone = tuple(row for row in lost if row.id not in taken)
    return ListingChanges(len(listing), tuple(added), tuple(moved), gone, tuple(renamed))


def _known(
    live: Sequence[FileRow], lost: set[int], history: Sequence[tuple[FileRow, str | None]]
) -> _Known:
    known = _Known()
    here = {row.id for row in live} - lost
    for row, print_ in history:
        known.by_place[row.path, row.size, row.mtime_ns] = row
        if row.file_id[1]:
            known.by_inode[row.file_id, row.size, row.mtime_ns] = row
        if print_ and row.id not in here:  # a file that is still there was copied, not moved
            known.by_size.setdefault(row.size, []).append((row, print_))
    return known


def _content_of(
    model: LocalModel, known: _Known, taken: set[int], fingerprint: Fingerprint
) -> FileRow | None:
    """The known content that a new file is: by path, by inode, or by size and fingerprint."""
    row = known.by_place.get((model.key, model.size, model.mtime_ns))
    if row is None and model.file_id[1]:
        place = (storable(model.file_id), model.size, model.mtime_ns)
        row = known.by_inode.get(place)
    if row is not None and row.id not in taken:
        return row
    # A file that was written over in place keeps most of its bytes: a fingerprint proves nothing.
    others = [
        (row, print_)
        for row, print_ in known.by_size.get(model.size, ())
        if row.id not in taken and row.path != model.key
    ]
    if not others:
        return None
    found = fingerprint(model.path)
    return next((row for row, print_ in others if print_ == found), None)


def _read(
    database: Database,
) -> tuple[list[FileRow], Callable[[], list[tuple[FileRow, str | None]]]]:
    with database.reading() as db:
        rows = db.execute(f"SELECT {COLUMNS} FROM files WHERE gone_at IS NULL").fetchall()

    def history() -> list[tuple[FileRow, str | None]]:
        # Oldest first, so that the latest content of a place is the one that counts.
        with database.reading() as db:
            found = db.execute(
                f"SELECT fingerprint, {COLUMNS} FROM files ORDER BY gone_at IS NULL, gone_at"
            ).fetchall()
        return [(read_row(row[1:]), row[0]) for row in found]

    return list(map(read_row, rows)), history


def _carry_out(db: sqlite3.Connection, changes: ListingChanges) -> None:
    now = time.time()
    db.executemany(
        "UPDATE files SET gone_at = ? WHERE id = ? AND gone_at IS NULL",
        [(now, row.id) for row in changes.gone],
    )
    moved_away = [(now, row.id) for row, model in changes.moved if not _is_link(row, model)]
    db.executemany("UPDATE files SET gone_at = coalesce(gone_at, ?) WHERE id = ?", moved_away)
    for row, model in changes.moved:
        if _is_there(db, model):
            continue  # another process was faster
        if _is_link(row, model):
            _insert_copy(db, row, insert(db, model, now))
        else:
            _place(db, row, model)
    for row, model in changes.renamed:
        db.execute(
            "UPDATE files SET kind = ?, name = ?, base = ?, device = ?, inode = ?, indexed = 0"
            " WHERE id = ?",
            (model.kind, model.name, base_of(model.name), *storable(model.file_id), row.id),
        )
    for model in changes.added:
        if not _is_there(db, model):
            insert(db, model, now)


def _is_link(row: FileRow, model: LocalModel) -> bool:
    """Whether the known file is still at its own path: then this is a second name for it."""
    if row.gone_at is not None or row.path == model.key:
        return False
    try:
        status = os.stat(row.path)
    except OSError:
        return False
    return storable((status.st_dev, status.st_ino)) == storable(model.file_id)


def _is_there(db: sqlite3.Connection, model: LocalModel) -> bool:
    query = "SELECT 1 FROM files WHERE path = ? AND gone_at IS NULL"
    return db.execute(query, (model.key,)).fetchone() is not None


def _place(db: sqlite3.Connection, row: FileRow, model: LocalModel) -> None:
    """A known content, at its new path."""
    db.execute(
        "UPDATE files SET path = ?, kind = ?, name = ?, base = ?, mtime_ns = ?, device = ?,"
        " inode = ?, gone_at = NULL, indexed = 0 WHERE id = ?",
        (model.key, model.kind, model.name, base_of(model.name), model.mtime_ns,
         *storable(model.file_id), row.id),
    )  # fmt: skip


def _insert_copy(db: sqlite3.Connection, row: FileRow, copy: int) -> None:
    db.execute(
        "UPDATE files SET (sha256, autov3, autov1, blake3, crc32, fingerprint, facts) ="
        " (SELECT sha256, autov3, autov1, blake3, crc32, fingerprint, facts FROM files"
        " WHERE id = ?) WHERE id = ?",
        (row.id, copy),
    )
