"""The download queue as values: what waits, runs and has ended, and how much may run at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from ..identity import ModelIdentity

EntryState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
Wish = Literal["", "pause", "cancel"]
"""What somebody asks of the process that runs an entry."""

ACTIVE: tuple[EntryState, ...] = ("queued", "running", "paused", "failed")
"""States that may still lead to a file."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Shared by all processes that use the queue, except the bandwidth: that is each one's own."""

    total: int = 3
    """Most files at once."""
    per_host: int = 2
    """Most files at once from one host."""
    connections: int = 4
    """Most connections for one file."""
    bytes_per_s: int | None = None
    """Bandwidth cap of a process; None is none."""

    def to_json(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "per_host": self.per_host,
            "connections": self.connections,
            "bytes_per_s": self.bytes_per_s,
        }


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One download. Never holds a secret: sources are public addresses without a query."""

    id: int
    model: ModelIdentity
    """Without a SHA256 only if a person asked for it by its address."""
    destination: Path
    state: EntryState = "queued"
    priority: int = 0
    """Higher ones first."""
    position: int = 0
    """Among those of the same priority, lower ones first."""
    done: int = 0
    """Bytes that have arrived."""
    total: int | None = None
    bytes_per_s: float = 0.0
    attempts: int = 0
    retry_at: float = 0.0
    """Not before this moment (seconds since 1970)."""
    error: Mapping[str, Any] | None = None
    """The last failure as `SatchelError.to_json` gives it; kept while it is tried again."""
    path: Path | None = None
    """The file, once it is done."""
    note: str = ""
    """A sentence about it, such as that its name was taken."""
    owner: str = ""
    """The runner that fetches it."""
    wish: Wish = ""
    sha256: str = field(default="")
    """The digest of what arrived."""

    @property
    def host(self) -> str:
        """Where it comes from first, for the limit per host."""
        sources = self.model.sources
        return urlsplit(sources[0].url).hostname or "" if sources else ""

    @property
    def seconds_left(self) -> float | None:
        """None when it does not run, or nobody can tell."""
        if self.state != "running" or self.total is None or self.bytes_per_s <= 0:
            return None
        return max(0.0, (self.total - self.done) / self.bytes_per_s)

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.model.name,
            "directory": self.model.kind,
            "source": self.host or None,
            "sha256": self.model.sha256 or self.sha256 or None,
            "state": self.state,
            "priority": self.priority,
            "position": self.position,
            "done": self.done,
            "total": self.total,
            "bytes_per_s": round(self.bytes_per_s),
            "seconds_left": self.seconds_left,
            "attempts": self.attempts,
            "retry_at": self.retry_at or None,
            "error": dict(self.error) if self.error else None,
            "path": str(self.path) if self.path else None,
            "note": self.note,
        }
