"""How long work tells what it is doing, and how it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .errors import CancelledError

State = Literal[
    "hashing", "resolving", "previews", "downloading", "unpacking", "packing", "uploading",
    "waiting", "done", "failed",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a piece of work; byte counts are of the file named."""

    state: State
    name: str = ""
    done: int = 0
    total: int = 0
    files_done: int = 0
    files_total: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


Report = Callable[[Progress], None]
"""Receives progress; called from the working thread, often, and must return quickly."""


def silent(_: Progress) -> None:
    """The report of work that nobody watches."""


class Cancellation:
    """A switch that the working thread looks at between two chunks."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises CancelledError once `cancel` was called."""
        if self._event.is_set():
            raise CancelledError("It was cancelled.", hint="Start it again to go on from there.")

    def wait(self, seconds: float) -> None:
        """Sleeps, but wakes and raises when it is cancelled."""
        self._event.wait(seconds)
        self.check()
