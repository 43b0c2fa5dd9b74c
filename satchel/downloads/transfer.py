"""Brings the bytes of one source into a part, over one connection or several.

The calling thread is one of the connections and the only one that reports, waits and fails. The
others help while the server gives ranges and enough is missing; when one of them is refused it
gives up quietly, since whatever is really wrong happens to the calling thread, too.
"""

from __future__ import annotations

import threading
import time

import requests
from urllib3.exceptions import HTTPError

from ..errors import (
    BadResponseError,
    CancelledError,
    MarketplaceError,
    RateLimitedError,
    SatchelError,
    SizeMismatchError,
    UnavailableError,
)
from ..hashes import FileDigests
from ..identity import Source
from ..marketplaces.transport import MAX_WAIT_S
from ..policy import too_large
from ..progress import Cancellation, Progress, Report
from .answers import Answer, read_answer
from .board import Board
from .links import Links
from .part import Part
from .pieces import SEGMENTED_BYTES, Piece
from .space import check_space
from .values import Order, TransferLimits, source_key
from .verify import Verifier

READ_BYTES = 128 * 1024
"""Small enough that a slow line still shows progress and notices a cancel."""
RESUMES = 5
"""How often a connection may break without a single new byte before a source counts as down."""
ATTEMPTS = 3
"""How often in a row a source may say that it is not available right now."""
RESTARTS = 2
"""How often the file may change at the source while it is fetched."""
HELPER_FAILURES = 2
IDLE_S = 0.1
JOIN_S = 2.0


class BrokenConnection(Exception):
    """The body ended early; asking for the rest may work."""


class _Changed(Exception):
    """The source serves another file than at the start: what has arrived is of no use."""


class _NoRanges(Exception):
    """The server promised parts of the file, and sends all of it."""


class Transfer:
    """One source's bytes on their way into a part."""

    def __init__(
        self,
        order: Order,
        part: Part,
        source: Source,
        links: Links,
        limits: TransferLimits,
        report: Report,
        cancellation: Cancellation,
    ) -> None:
        self._order, self._part, self._source, self._links = order, part, source, links
        self._limits, self._report, self._cancellation = limits, report, cancellation
        self._may_resume = True
        """Whether to ask for the rest only; no more once a server has refused that."""
        self._may_share = limits.connections > 1
        """Whether to open further connections; no more once one of them got the whole file."""
        self._helpers: list[threading.Thread] = []
        part.total = order.size if order.size is not None else part.total
        if part.total is not None and part.end > part.total:
            part.discard()
        self._begin()

    def run(self) -> FileDigests:
        """Fetches what is missing and returns the digests of the whole.

        Raises:
            MarketplaceError: the source does not serve it.
            SizeMismatchError: it serves another length; nothing is left.
            ForbiddenSizeError: it is larger than the operator allows; nothing is left.
            InsufficientSpaceError, CancelledError: what has arrived stays for the next run.
        """
        for _ in range(RESTARTS + 1):
            try:
                self._fetch_all()
            except _Changed:
                self._end()
                self._part.discard()
                self._begin()
            else:
                return self._verifier.finish(self._tell_hashing)
        raise UnavailableError(
            f"{self._order.name} keeps changing at its source.", hint="Try again later."
        )

    def close(self) -> None:
        """Ends all threads; what has arrived stays."""
        self._end()
        self._part.close()

    def _begin(self) -> None:
        if self._part.arrived == 0:
            self._part.total = self._order.size
        self._board, self._verifier = Board(self._part), Verifier(self._part)

    def _end(self) -> None:
        self._board.stopped = True
        deadline = time.monotonic() + JOIN_S
        for helper in self._helpers:
            # One that waits for a silent server ends by itself, and writes nothing any more.
            helper.join(max(0.0, deadline - time.monotonic()))
        self._helpers = []
        self._verifier.stop()

    # --- the calling thread ------------------------------------------------------------------

    def _fetch_all(self) -> None:
        stalled = 0
        while not self._part.complete:
            self._cancellation.check()
            piece = self._board.take_or_wait(IDLE_S)
            if piece is None:
                self._tell()
                continue
            before = self._part.arrived
            try:
                self._fetch(self._board, piece, own=True)
            except (BrokenConnection, UnavailableError, RateLimitedError) as error:
                stalled = 0 if self._part.arrived > before else stalled + 1
                self._links.forget()
                self._cancellation.wait(self._patience(error, stalled))
            finally:
                self._board.give_back(piece)

    def _patience(self, error: Exception, stalled: int) -> float:
        """Seconds until the next attempt; raises when there is none worth making."""
        asked = error.details.get("retry_after_s") if isinstance(error, SatchelError) else None
        if isinstance(error, RateLimitedError) and asked is None:
            raise error  # a quota: asking again makes it worse
        if isinstance(error, MarketplaceError) and (
            stalled >= ATTEMPTS or (asked or 0.0) > MAX_WAIT_S
        ):
            raise error
        if stalled >= RESUMES:
            raise UnavailableError(
                f"The connection for {self._order.name} keeps breaking.",
                hint="Try again later: what has arrived is kept.",
                name=self._order.name,
            ) from error
        return max(float(asked or 0.0), min(8.0, 0.25 * 2.0**stalled))

    def _tell(self) -> None:
        part = self._part
        self._report(Progress("downloading", self._order.name, part.arrived, part.total or 0))

    def _tell_hashing(self, done: int) -> None:
        self._cancellation.check()
        self._report(Progress("hashing", self._order.name, done, self._part.total or 0))

    # --- every connection --------------------------------------------------------------------

    def _fetch(self, board: Board, piece: Piece, *, own: bool) -> None:
        """One request: a piece, or as much of it as arrives."""
        headers = self._headers(piece)
        with self._links.open(headers) as response:
            answer = read_answer(response, source_key(self._source))
            if answer.status == 416:
                self._unsatisfiable(answer, asked="Range" in headers)
                return
            self._check(answer, piece, own=own)
            if own:
                self._adopt(answer, piece)
                self._call_helpers(answer, piece)
            bounded = answer.status == 206 and not headers["Range"].endswith("-")
            reach = piece.end if bounded else self._part.total
            self._drain(response, board, piece, reach, own=own)
            if answer.status == 200 and answer.total is None:
                self._expect_end(response)

    def _headers(self, piece: Piece) -> dict[str, str]:
        validator = self._part.validator
        same_source = validator is not None and validator.source == source_key(self._source)
        condition = validator.if_range if validator is not None and same_source else ""
        if self._board.shared and piece.end is not None:
            headers = {"Range": f"bytes={piece.position}-{piece.end - 1}"}
        elif piece.position and self._may_resume and (condition or self._order.sha256):
            headers = {"Range": f"bytes={piece.position}-"}
        else:
            return {}  # without a digest or a validator nobody could tell that the rest fits
        if condition:
            headers["If-Range"] = condition
        return headers

    def _unsatisfiable(self, answer: Answer, *, asked: bool) -> None:
        if not asked:
            raise UnavailableError("The server refused the whole range.", hint="Try later.")
        if self._part.total is None and answer.total == self._part.front:
            self._part.end_here()  # an earlier run had it all
            return
        # What is there is no beginning of what is served. Asking only once for the rest keeps a
        # server that cuts and refuses in turn from going on for ever.
        self._may_resume = False
        raise _Changed

    def _check(self, answer: Answer, piece: Piece, *, own: bool) -> None:
        """Whether an answer's body belongs where the piece is."""
        part = self._part
        if answer.status == 200 and part.arrived:
            if self._board.shared:
                if answer.validator == part.validator:
                    self._may_share = False
                    raise _Changed if own else _NoRanges
                raise _Changed
            self._restart(piece)
        if answer.start != piece.position:
            raise BadResponseError(
                f"The server sent another part of {self._order.name} than was asked for.",
                hint="Try again later.",
            )
        if answer.total is not None and part.total not in (None, answer.total):
            if self._order.size is None:
                raise _Changed
            raise self._wrong_size(answer.total)

    def _restart(self, piece: Piece) -> None:
        """The server does not do ranges, or the file has changed: from the beginning."""
        self._verifier.stop()
        self._part.discard()
        self._part.total = self._order.size
        self._verifier = Verifier(self._part)
        piece.position, piece.end = 0, self._part.total

    def _adopt(self, answer: Answer, piece: Piece) -> None:
        part = self._part
        part.total = answer.total if part.total is None else part.total
        self._check_allowed(part.total)
        piece.end = part.total if piece.end is None else piece.end
        part.validator = answer.validator
        check_space(part.path.parent, (part.total or 0) - part.arrived)
        part.save()

    def _check_allowed(self, size: int | None) -> None:
        """Ends what turns out larger than the operator allows; nothing is left."""
        most = self._order.most_bytes
        if most is not None and size is not None and size > most:
            self._part.discard()
            raise too_large(self._order.name, size, most)

    def _drain(
        self,
        response: requests.Response,
        board: Board,
        piece: Piece,
        reach: int | None,
        *,
        own: bool,
    ) -> None:
        """Writes the body up to the end of the piece, and further while that is free."""
        part, bandwidth = self._part, self._limits.bandwidth
        with part.writer(piece.position) as file:
            while piece.end is None or piece.left or board.extend(piece, reach):
                want = READ_BYTES if piece.end is None else min(READ_BYTES, piece.left)
                data = _read(response, want)
                if not data and piece.end is not None:
                    raise BrokenConnection
                if not data:
                    break
                self._cancellation.check()
                bandwidth.take(len(data), self._cancellation)
                if board.stopped:
                    return
                part.write(file, piece.position, data)
                self._verifier.wrote(piece.position, data)
                piece.position += len(data)
                self._check_allowed(piece.position)
                if own:
                    self._tell()
        if piece.end is None:
            part.end_here()

    def _expect_end(self, response: requests.Response) -> None:
        """Nothing may follow the last byte of a body whose length was not announced."""
        total = self._part.total
        if total is not None and self._part.complete and _read(response, 1):
            self._part.discard()
            raise self._wrong_size(total + 1)

    def _wrong_size(self, actual: int) -> SizeMismatchError:
        return SizeMismatchError(
            f"{self._order.name} should have {self._order.size} bytes, the source serves {actual}.",
            hint="The source replaced the file, or the lock is wrong. Ask the author.",
            expected=self._order.size,
            actual=actual,
            source=self._source.url,
        )

    # --- the helping threads -----------------------------------------------------------------

    def _call_helpers(self, answer: Answer, piece: Piece) -> None:
        """Opens further connections when the server gives ranges and enough is missing."""
        missing = sum(end - start for start, end in self._part.missing())
        worth_it = self._may_share and missing >= SEGMENTED_BYTES
        provable = self._order.sha256 is not None or answer.validator.if_range
        if self._helpers or not (worth_it and answer.ranges and provable):
            return
        self._board.share(piece, self._limits.connections)
        self._helpers = [
            threading.Thread(
                target=self._help, args=(self._board,), name="satchel-transfer", daemon=True
            )
            for _ in range(self._limits.connections - 1)
        ]
        for helper in self._helpers:
            helper.start()

    def _help(self, board: Board) -> None:
        failures = 0
        while failures < HELPER_FAILURES and (piece := board.take()) is not None:
            try:
                self._fetch(board, piece, own=False)
                failures = 0
            except (BrokenConnection, UnavailableError):
                failures += 1
            except (MarketplaceError, CancelledError, _NoRanges):
                return
            except (SatchelError, OSError, _Changed) as error:
                board.fail(error)
                return
            finally:
                board.give_back(piece)


def _read(response: requests.Response, most: int) -> bytes:
    try:
        return bytes(response.raw.read(most, decode_content=False))
    except (HTTPError, requests.RequestException, OSError) as error:
        raise BrokenConnection from error
