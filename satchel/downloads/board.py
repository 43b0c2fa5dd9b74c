"""What the connections of one transfer share: who fetches what, and whether to stop."""

from __future__ import annotations

import threading
import time

from .part import Part
from .pieces import Piece, Split, piece_bytes, plan_piece


class Board:
    """Hands out the missing bytes of a part; safe to use from several threads."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._changed = threading.Condition()
        self._active: list[Piece] = []
        self._connections = 1
        self._began = (0.0, 0)
        """When several connections began, and what had arrived by then."""
        self._failure: BaseException | None = None
        self.stopped = False

    @property
    def shared(self) -> bool:
        """Whether several connections fetch the file, each its pieces."""
        return self._connections > 1

    def take(self) -> Piece | None:
        """The next piece, or the second half of another; None when there is nothing to share."""
        with self._changed:
            return None if self.stopped or self._failure is not None else self._plan()

    def take_or_wait(self, seconds: float) -> Piece | None:
        """Like `take`, but waits a while for what others give back, and raises their failure."""
        with self._changed:
            if self._failure is not None:
                raise self._failure
            if self._part.total is None:
                return self._activate(Piece(self._part.front, None))
            piece = self._plan()
            if piece is None:
                self._changed.wait(seconds)
            return piece

    def share(self, piece: Piece, connections: int) -> None:
        """From now on pieces are short enough for several connections; so is this one."""
        with self._changed:
            self._connections = connections
            self._began = (time.monotonic(), self._part.arrived)
            self._part.segmented = True
            self._part.save()
            end, piece.end = piece.end or 0, piece.position
            piece.end = min(end, piece.position + self._longest())

    def extend(self, piece: Piece, reach: int | None) -> bool:
        """Lets a piece go on with the bytes that follow it, if nobody fetches them.

        Args:
            reach: where the body of the piece's answer ends; None for the end of the file.
        """
        with self._changed:
            end = piece.end
            if end is None or reach is None or end >= reach or not self.shared:
                return False
            others = [other for other in self._active if other is not piece]
            gap = next((gap for gap in self._part.missing() if gap[0] <= end < gap[1]), (0, 0))
            starts = [other.position for other in others if other.position >= end]
            piece.end = max(end, min([reach, gap[1], end + self._longest(), *starts]))
            return piece.left > 0

    def give_back(self, piece: Piece) -> None:
        with self._changed:
            self._active = [other for other in self._active if other is not piece]
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Ends the transfer: whoever waits for a piece raises this."""
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _plan(self) -> Piece | None:
        missing = self._part.missing()
        if not missing and not self._active and not self._part.complete:
            return self._activate(Piece(0, 0))  # an empty file, which is not there yet
        choice = plan_piece(missing, self._active, self._longest())
        if choice is None:
            return None
        if not isinstance(choice, Split):
            return self._activate(Piece(choice.start, choice.end))
        victim = self._active[choice.index]
        piece = Piece(choice.start, victim.end)
        victim.end = choice.start
        return self._activate(piece)

    def _longest(self) -> int:
        """The longest piece to take now."""
        if not self.shared:
            return self._part.total or 0
        missing = sum(end - start for start, end in self._part.missing())
        free = missing - sum(piece.left for piece in self._active)
        began_at, before = self._began
        elapsed = time.monotonic() - began_at
        rate = (self._part.arrived - before) / elapsed if elapsed > 0 else 0.0
        return piece_bytes(free, self._connections, rate / self._connections)

    def _activate(self, piece: Piece) -> Piece:
        self._active.append(piece)
        return piece
