"""The marketplace as tests and the demo hold it."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.message import Message
from types import TracebackType
from typing import Any

from .api import Site
from .catalogue import Catalogue
from .civarchive import CivArchive
from .faults import KINDS, Fault, Faults
from .links import LINK_LIFE_S, Clock, Links
from .messages import Reply, Request
from .server import Listener
from .storage import Storage
from .values import Published


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    origin: str
    """`site` or `storage`."""
    method: str
    path: str
    """Percent-decoded, without the query."""
    query: Mapping[str, tuple[str, ...]]
    headers: Message
    """Looks names up without regard to case."""
    status: int
    """As answered, faults included."""


class Marketplace:
    """Two listeners on loopback: the site (API and downloads) and the storage.

    Runs between `start` and `stop`, or inside `with`. Leaving the `with` block fails when a
    handler itself went wrong, since that would make a test pass or fail for the wrong reason.
    """

    def __init__(
        self,
        *,
        keys: Collection[str] = (),
        host: str = "127.0.0.1",
        site_port: int = 0,
        storage_port: int = 0,
    ) -> None:
        """`keys` are the valid API keys; a port of 0 takes any free one."""
        self.clock = Clock()
        self.catalogue = Catalogue()
        self.publish = self.catalogue.publish
        self.load_fixtures = self.catalogue.load_fixtures
        self._faults = Faults()
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []
        links = Links(self.clock)
        site = Site(
            self.catalogue,
            links,
            self.clock,
            keys,
            own_url=lambda: self.site_url,
            storage_url=lambda: self.storage_url,
        )
        storage = Storage(self.catalogue, links)
        self._origins = {"site": site, "storage": storage}
        self._listeners = (
            Listener("site", (host, site_port), self._answer),
            Listener("storage", (host, storage_port), self._answer),
        )
        self.archive = CivArchive(host)

    def __enter__(self) -> Marketplace:
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
    def environment(self) -> dict[str, str]:
        """Variables that make Satchel ask this marketplace, and nobody else."""
        off = dict.fromkeys(
            (f"SATCHEL_{kind}_URL" for kind in ("HUGGINGFACE", "MODELSCOPE", "FAL", "REPLICATE")),
            "off",
        )
        return {
            "SATCHEL_CIVITAI_URL": self.site_url,
            "SATCHEL_CIVARCHIVE_URL": self.archive.url,
            "SATCHEL_TRUSTED_ORIGINS": self.storage_url,
            "SATCHEL_CREDENTIALS": "off",
            **off,
        }

    @property
    def requests(self) -> list[RecordedRequest]:
        """Everything asked so far, in the order of the answers; a copy."""
        with self._lock:
            return list(self._requests)

    @property
    def errors(self) -> list[BaseException]:
        """What handlers raised, other than that the client went away."""
        return [error for listener in (*self._listeners, self.archive.listener)
                for error in listener.errors]  # fmt: skip

    def start(self) -> None:
        for listener in (*self._listeners, self.archive.listener):
            listener.start()

    def stop(self) -> None:
        """End all connections; may be called twice."""
        for listener in (*self._listeners, self.archive.listener):
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
        match: Published | str | None = None,
        origin: str | None = None,
        **settings: Any,
    ) -> Fault:
        """Make the next `times` matching requests go wrong (None: all of them).

        Args:
            kind: a key of `faults.KINDS`.
            match: a published file (its download and its storage path), a regular expression
                searched in the request's path, or None for every request to the origin.
            origin: `site` or `storage`, when not the one `KINDS` names.
            settings: fields of `Fault`: after, seconds, bytes_per_s, by, retry_after, status,
                location.
        """
        origin = origin or KINDS[kind].origin
        pattern = match if isinstance(match, str) else ""
        if isinstance(match, Published):
            download = f"/api/download/models/{match.version_id}"
            pattern = re.escape(download if origin == "site" else match.storage_path) + "$"
        fault = Fault(kind, origin, pattern, **settings)
        self._faults.add(fault, times)
        return fault

    def clear_faults(self) -> None:
        self._faults.clear()

    def _answer(self, request: Request) -> Reply:
        reply = self._faults.apply(request, self._origins[request.origin].answer(request))
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
