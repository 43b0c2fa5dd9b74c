"""A cap on bytes per second that all connections of the process share."""

from __future__ import annotations

import threading
import time

from ..progress import Cancellation

BURST_S = 0.25
"""How much of a second's allowance may be saved up while nothing arrives."""


class TokenBucket:
    """Lets bytes pass at a rate; None is no cap.

    Who takes more than there is goes into debt and sleeps it off, so that a large chunk of one
    connection slows the others down instead of being refused.
    """

    def __init__(self, bytes_per_s: int | None = None) -> None:
        self._lock = threading.Lock()
        self._rate = bytes_per_s
        self._tokens = 0.0
        self._filled_at = time.monotonic()

    @property
    def bytes_per_s(self) -> int | None:
        return self._rate

    def set_rate(self, bytes_per_s: int | None) -> None:
        with self._lock:
            if bytes_per_s == self._rate:
                return
            self._rate, self._tokens = bytes_per_s, 0.0
            self._filled_at = time.monotonic()

    def take(self, count: int, cancellation: Cancellation) -> None:
        """Waits until `count` bytes may pass.

        Raises:
            CancelledError: it was cancelled meanwhile.
        """
        wait = self.debt_s(count)
        if wait > 0:
            cancellation.wait(wait)

    def debt_s(self, count: int) -> float:
        """Takes `count` bytes and returns how many seconds to wait for them."""
        with self._lock:
            if not self._rate:
                return 0.0
            now = time.monotonic()
            saved = self._tokens + (now - self._filled_at) * self._rate
            self._tokens = min(saved, self._rate * BURST_S) - count
            self._filled_at = now
            return -self._tokens / self._rate


PROCESS = TokenBucket()
"""The one that every transfer of this process takes from, unless it is given another."""
