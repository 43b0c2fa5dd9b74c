"""The download queue: the one door that routes, the command line and the interface use.

It persists, and several processes may use it at once. Changing it never blocks on a download: the
process that runs an entry sees the wish and acts on it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidInputError, UnknownDownloadError
from ..identity import ModelIdentity
from .housekeeping import discard_unfinished
from .queue_file import QueueFile, read_entries, read_limits
from .queue_plan import order_key
from .queue_values import ACTIVE, EntryState, QueueEntry, QueueLimits, Wish

MAX_BYTES_PER_S = 1 << 40


class DownloadQueue:
    """The queue in a file.

    All methods may raise CatalogError when that file cannot be used, and those that take an id
    UnknownDownloadError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = QueueFile(path)

    def entries(self) -> list[QueueEntry]:
        """All entries, in the order they are fetched in."""
        with self._file.reading() as db:
            return sorted(read_entries(db), key=order_key)

    def get(self, entry_id: int) -> QueueEntry:
        with self._file.reading() as db:
            return _one(db, entry_id)

    def add(self, model: ModelIdentity, destination: Path, *, priority: int = 0) -> QueueEntry:
        """Appends a download; the same bytes for the same place are one entry.

        Args:
            model: without a SHA256 only if a person asked for it by its address.

        Raises:
            InvalidInputError: it has no source, or one whose address may hold a secret.
        """
        if not model.sources:
            raise InvalidInputError(
                f"No source is known for {model.name}.",
                hint="Give a URL, an AIR or a digest that a marketplace knows.",
            )
        _check_public(model)
        text = json.dumps(model.to_json())
        with self._file.writing() as db:
            for entry in read_entries(db, "WHERE destination = ?", str(destination)):
                if entry.state in ACTIVE and _bytes_of(entry.model) == _bytes_of(model):
                    if entry.state == "failed":
                        _change(db, entry.id, state="queued", attempts=0, retry_at=0.0)
                    return _one(db, entry.id)
            (last,) = db.execute("SELECT COALESCE(MAX(position), 0) FROM downloads").fetchone()
            made = db.execute(
                "INSERT INTO downloads (model, destination, priority, position, total)"
                " VALUES (?, ?, ?, ?, ?)",
                (text, str(destination), priority, last + 1, model.size),
            )
            return _one(db, made.lastrowid or 0)

    def pause(self, entry_id: int) -> QueueEntry:
        """Keeps what has arrived, and starts no more until `resume`."""
        return self._wish(entry_id, "pause", "paused", ("queued", "running", "failed"))

    def cancel(self, entry_id: int) -> QueueEntry:
        """Ends a download and deletes what has arrived of it."""
        entry = self._wish(entry_id, "cancel", "cancelled", ACTIVE)
        if entry.state == "cancelled":
            discard_unfinished(entry.model, entry.destination)
        return entry

    def resume(self, entry_id: int) -> QueueEntry:
        """Lets a paused, failed or cancelled download run again, from what has arrived."""
        with self._file.writing() as db:
            entry = _one(db, entry_id)
            if entry.state in ("paused", "failed", "cancelled", "queued"):
                _change(db, entry_id, state="queued", wish="", attempts=0, retry_at=0.0)
            elif entry.state == "running":
                _change(db, entry_id, wish="")
            return _one(db, entry_id)

    def prioritize(self, entry_id: int, priority: int) -> QueueEntry:
        with self._file.writing() as db:
            _one(db, entry_id)
            _change(db, entry_id, priority=priority)
            return _one(db, entry_id)

    def move(self, entry_id: int, before: int | None) -> list[QueueEntry]:
        """Puts an entry before another one, or at the end; it takes on that one's priority."""
        with self._file.writing() as db:
            moved = _one(db, entry_id)
            others = sorted(read_entries(db), key=order_key)
            others = [entry for entry in others if entry.id != entry_id]
            target = _one(db, before) if before not in (None, entry_id) else None
            index = next(
                (n for n, other in enumerate(others) if target and other.id == target.id),
                len(others),
            )
            neighbour = target or (others[-1] if others else moved)
            _change(db, entry_id, priority=neighbour.priority)
            order = [entry.id for entry in [*others[:index], moved, *others[index:]]]
            db.executemany(
                "UPDATE downloads SET position = ? WHERE id = ?",
                [(position, each) for position, each in enumerate(order, 1)],
            )
            return sorted(read_entries(db), key=order_key)

    def clear(self) -> int:
        """Forgets what is done or cancelled, and says how many that were; files stay."""
        with self._file.writing() as db:
            return db.execute("DELETE FROM downloads WHERE state IN ('done', 'cancelled')").rowcount

    @property
    def limits(self) -> QueueLimits:
        if not self.path.exists():
            return QueueLimits()
        with self._file.reading() as db:
            return read_limits(db)

    def set_limits(self, limits: QueueLimits) -> QueueLimits:
        """Changes the limits, also for what is running.

        Raises:
            InvalidInputError: one of them makes no sense.
        """
        for name, most in (("total", 32), ("per_host", 32), ("connections", 16)):
            if not 1 <= getattr(limits, name) <= most:
                raise InvalidInputError(
                    f"The limit {name} must be from 1 to {most}.",
                    hint="Choose a number in that range.",
                )
        if limits.bytes_per_s is not None and not 1000 <= limits.bytes_per_s <= MAX_BYTES_PER_S:
            raise InvalidInputError(
                "The bandwidth must be at least 1000 bytes per second.",
                hint="Give bytes per second, such as 2000000.",
            )
        with self._file.writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO limits VALUES (?, ?)", list(limits.to_json().items())
            )
        return limits

    # --- for runners -------------------------------------------------------------------------

    def claim(self, entry_id: int, owner: str) -> QueueEntry | None:
        """Makes an entry this runner's; None when another one, or a wish, was faster."""
        with self._file.writing() as db:
            changed = db.execute(
                "UPDATE downloads SET state = 'running', owner = ?, wish = '', bytes_per_s = 0,"
                " attempts = attempts + 1 WHERE id = ? AND state = 'queued'",
                (owner, entry_id),
            ).rowcount
            return _one(db, entry_id) if changed else None

    def settle(self, entry_id: int, owner: str, **fields: Any) -> None:
        """Ends a run: changes the entry if it is still this runner's."""
        with self._file.writing() as db:
            entries = read_entries(db, "WHERE id = ? AND owner = ?", entry_id, owner)
            if entries and entries[0].state == "running":
                _change(db, entry_id, owner="", wish="", bytes_per_s=0.0, **fields)

    def note_progress(
        self, entry_id: int, owner: str, done: int, total: int, bytes_per_s: float
    ) -> None:
        with self._file.writing() as db:
            db.execute(
                "UPDATE downloads SET done = ?, total = ?, bytes_per_s = ?"
                " WHERE id = ? AND owner = ? AND state = 'running'",
                (done, total or None, bytes_per_s, entry_id, owner),
            )

    def _wish(
        self, entry_id: int, wish: Wish, state: EntryState, allowed: Sequence[EntryState]
    ) -> QueueEntry:
        with self._file.writing() as db:
            entry = _one(db, entry_id)
            if entry.state == "running" and "running" in allowed:
                _change(db, entry_id, wish=wish)
            elif entry.state in allowed:
                _change(db, entry_id, state=state, wish="", bytes_per_s=0.0)
            return _one(db, entry_id)


def _bytes_of(model: ModelIdentity) -> str:
    """What two entries for the same bytes have in common."""
    return model.sha256 or model.sources[0].url


def _one(db: sqlite3.Connection, entry_id: int | None) -> QueueEntry:
    entries = read_entries(db, "WHERE id = ?", entry_id)
    if not entries:
        raise UnknownDownloadError(
            f"There is no download {entry_id} in the queue.",
            hint="List the queue to see what there is.",
            id=entry_id,
        )
    return entries[0]


def _change(db: sqlite3.Connection, entry_id: int, **fields: Any) -> None:
    names = ", ".join(f"{name} = ?" for name in fields)
    db.execute(f"UPDATE downloads SET {names} WHERE id = ?", (*fields.values(), entry_id))


def _check_public(model: ModelIdentity) -> None:
    """An address with a query or credentials could hold a token, and the queue is a file."""
    for source in model.sources:
        parts = urlsplit(source.url)
        private = parts.username is not None or (model.sha256 is None and parts.query)
        if private:
            raise InvalidInputError(
                "An address with a query or a password is not kept in the queue.",
                hint="Fetch it at once with `satchel get`, or by an address without them.",
            )
