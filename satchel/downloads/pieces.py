"""How a file is shared out among connections: who fetches which bytes next.

Pieces are handed out from the front, so that the digest, which has to go through the file in order,
is never far behind: what it reads back is still in the page cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .ranges import Span

MIN_PIECE_BYTES = 4 << 20
"""Below this the wait for an answer counts more than a further connection brings."""
FIRST_PIECE_BYTES = 8 << 20
MAX_PIECE_BYTES = 64 << 20
PIECE_S = 1.5
"""How long a connection is busy with a piece."""
MIN_SPLIT_BYTES = 2 << 20
"""The least that is left of a piece whose second half another connection takes over."""
WINDOW_BYTES = 1 << 30
"""How far ahead of the first missing byte connections may work."""
SEGMENTED_BYTES = 16 << 20
"""The least missing for which a second connection is opened at all."""


@dataclass(slots=True)
class Piece:
    """What one connection is fetching."""

    position: int
    """Where its next byte goes."""
    end: int | None
    """None when nobody knows how long the file is. May move to the front while it is fetched."""

    @property
    def left(self) -> int:
        return 0 if self.end is None else max(0, self.end - self.position)


@dataclass(frozen=True, slots=True)
class Take:
    """Fetch these bytes, which nobody does."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Split:
    """Fetch from `start` to the end of an active piece, which ends there from now on."""

    index: int
    start: int


def piece_bytes(missing: int, connections: int, bytes_per_s: float) -> int:
    """How long the next piece is: some seconds of a connection, and shorter towards the end.

    Long ones save requests, and fast connections need them. Short ones keep the front moving, so
    that the digest is computed all along and not at the end, and let all connections end together.

    Args:
        bytes_per_s: how fast one connection has been so far; 0 when nobody knows yet.
    """
    share = -(-3 * missing // (4 * max(1, connections)))
    steady = max(FIRST_PIECE_BYTES, round(bytes_per_s * PIECE_S))
    return min(MAX_PIECE_BYTES, max(MIN_PIECE_BYTES, min(share, steady)))


def plan_piece(missing: Sequence[Span], active: Sequence[Piece], most: int) -> Take | Split | None:
    """What a free connection does next; None when there is nothing left to share.

    Args:
        missing: what is not written yet, in order; active pieces lie inside.
        most: the longest piece to take.
    """
    free = _without(missing, active)
    split = _largest(active)
    if free:
        start, end = free[0]
        if split is None or start - missing[0][0] <= WINDOW_BYTES:
            return Take(start, min(end, start + most))
    return split


def _largest(active: Sequence[Piece]) -> Split | None:
    if not active:
        return None
    index = max(range(len(active)), key=lambda index: active[index].left)
    piece = active[index]
    if piece.left < MIN_SPLIT_BYTES:
        return None
    return Split(index, piece.position + (piece.left + 1) // 2)


def _without(missing: Sequence[Span], active: Sequence[Piece]) -> list[Span]:
    free = list(missing)
    for piece in active:
        if piece.end is None:
            return []
        free = [
            span
            for start, end in free
            for span in ((start, min(end, piece.position)), (max(start, piece.end), end))
            if span[0] < span[1]
        ]
    return sorted(free)
