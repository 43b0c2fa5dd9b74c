"""What a download is asked for with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from ..identity import ModelIdentity, Source
from .bandwidth import PROCESS, TokenBucket

CONNECTIONS = 4
"""Of one file. More gain little, and some storages count them."""


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """How hard a transfer may pull."""

    connections: int = CONNECTIONS
    """Most connections for one file."""
    bandwidth: TokenBucket = field(default=PROCESS, compare=False)


@dataclass(frozen=True, slots=True)
class Order:
    """One file to fetch, and what is known of it beforehand."""

    name: str
    part: Path
    """Where the unfinished file lives: beside the finished one, so that it need not be copied."""
    sha256: str | None
    """None only for what a person asked for by its address."""
    size: int | None
    most_bytes: int | None = None
    """What the operator allows."""

    @property
    def quarantine(self) -> Path:
        """Where bytes with another digest are set aside: no loader lists such a name."""
        return self.part.with_suffix(".quarantine")


def pinned_order(model: ModelIdentity, folder: Path) -> Order:
    """The order for a model with a SHA256: later runs, and others who want it, find its part."""
    assert model.sha256 is not None
    part = folder / f".satchel-{model.sha256[:24]}.part"
    return Order(model.name, part, model.sha256, model.size)


def source_key(source: Source) -> str:
    """Names a source on the disk, where an address that a person gave may not be written."""
    return hashlib.sha256(source.url.encode()).hexdigest()[:20]


def unpinned_order(source: Source, folder: Path, name: str, size: int | None) -> Order:
    """The order for a file that is known by its address only."""
    return Order(name, folder / f".satchel-url-{source_key(source)}.part", None, size)
