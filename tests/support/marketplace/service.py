"""A site and its storage on two loopback ports, as tests and the demo hold any of the stand-ins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Any, Self

from .faults import KINDS, Fault, Faults
from .links import LINK_LIFE_S, Clock
from .messages import Reply, Request
from .server import Listener


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    origin: str
    """`site`, `storage` or `images`."""
    method: str
    path: str
    """Percent-decoded, without the query."""
    query: Mapping[str, tuple[str, ...]]
    headers: Message
    """Looks names up without regard to case."""
    status: int
    """As answered, faults included."""


class Service:
    """Two listeners on loopback: the site (API and downloads) and the storage.

    Runs between `start` and `stop`, or inside `with`. Leaving the `with` block fails when a
    handler itself went wrong, since that would make a test pass or fail for the wrong reason.
    """

    def __init__(
        self,
        site: Callable[[Request], Reply],
        storage: Callable[[Request], Reply],
        *,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        site_port: int = 0,
        storage_port: int = 0,
        images: Callable[[Request], Reply] | None = None,
        more: Sequence[Listener] = (),
    ) -> None:
        """A port of 0 takes any free one; `images` is a third origin, for pictures; `more`
        listeners live and die with these."""
        self.clock = clock or Clock()
        self._faults = Faults()
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []
        self._origins = {"site": site, "storage": storage}
        self._listeners = (
            Listener("site", (host, site_port), self._answer),
            Listener("storage", (host, storage_port), self._answer),
            *more,
        )
        if images is not None:
            self._origins["images"] = images
            self._images = Listener("images", (host, 0), self._answer)
            self._listeners = (*self._listeners, self._images)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if error is None and self.errors:
            raise RuntimeError("The stand-in marketplace itself failed.") from self.errors[0]

    @property
    def site_url(self) -> str:
        return self._listeners[0].url

    @property
    def storage_url(self) -> str:
        return self._listeners[1].url

    @property
    def images_url(self) -> str:
        return self._images.url

    @property
    def requests(self) -> list[RecordedRequest]:
        """Everything asked so far, in the order of the answers; a copy."""
        with self._lock:
            return list(self._requests)

    @property
    def errors(self) -> list[BaseException]:
        """What handlers raised, other than that the client went away."""
        return [error for listener in self._listeners for error in listener.errors]

    def start(self) -> None:
        for listener in self._listeners:
            listener.start()

    def stop(self) -> None:
        """End all connections; may be called twice."""
        for listener in self._listeners:
            if not listener.stopping.is_set():
                listener.close()

    def clear_requests(self) -> None:
        with self._lock:
            self._requests.clear()

    def expire_links(self) -> None:
        """Move the clock on until every storage link given out so far has run out."""
        self.clock.advance(LINK_LIFE_S + 1)

    def fault(
        self,
        kind: str,
        *,
        times: int | None = 1,
        match: str | None = None,
        origin: str | None = None,
        **settings: Any,
    ) -> Fault:
        """Make the next `times` matching requests go wrong (None: all of them).

        Args:
            kind: a key of `faults.KINDS`.
            match: a regular expression searched in the request's path, or None for every request
                to the origin.
            origin: `site`, `storage` or `images`, when not the one `KINDS` names.
            settings: fields of `Fault`: after, seconds, bytes_per_s, by, retry_after, status,
                location.
        """
        fault = Fault(kind, origin or KINDS[kind].origin, match or "", **settings)
        self._faults.add(fault, times)
        return fault

    def clear_faults(self) -> None:
        self._faults.clear()

    def _answer(self, request: Request) -> Reply:
        reply = self._faults.apply(request, self._origins[request.origin](request))
        record = RecordedRequest(
            request.origin,
            request.method,
            request.path,
            request.query,
            request.headers,
            reply.status,
        )
        with self._lock:
            self._requests.append(record)
        return reply
