"""Opens a source again and again: for the rest of a file, or for its other parts.

The site is asked once per file, as a browser would: it counts downloads by that request. Further
connections go straight to the storage that it redirected to, without any credential, until that
link is refused; then the site is asked for a fresh one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import requests

from ..errors import ForbiddenUrlError, UnavailableError
from ..identity import Source
from ..marketplaces.hosts import HOSTS
from ..marketplaces.resolver import Resolver
from ..marketplaces.transport import Transport
from ..marketplaces.url_policy import UrlPolicy
from ..settings import origin_of


class Links:
    """The ways to one source; safe to use from several threads."""

    def __init__(self, resolver: Resolver, source: Source) -> None:
        self._market = resolver.marketplace(source.kind)
        self._source = source
        self._settings = resolver.settings
        self._lock = threading.Lock()
        self._link: str | None = None
        self._direct: Transport | None = None

    def open(self, headers: Mapping[str, str]) -> requests.Response:
        """An open answer with status 200, 206 or 416; anything else raises a MarketplaceError."""
        with self._lock:
            link, direct = self._link, self._direct
        if link is not None and direct is not None:
            response = _open_link(direct, link, headers)
            if response is not None:
                return response
            self.forget()
        response = self._market.open_download(self._source, headers)
        self._remember(response.url or "")
        return response

    def forget(self) -> None:
        """Asks the site again next time."""
        with self._lock:
            self._link = None

    def _remember(self, url: str) -> None:
        kind = self._source.kind
        if kind not in HOSTS or origin_of(url) == origin_of(self._settings.source(kind).url):
            return  # no redirect to a storage: the site itself may want its token
        with self._lock:
            self._link = url
            if self._direct is None:
                self._direct = Transport(UrlPolicy.of_source(kind, self._settings))


def _open_link(
    transport: Transport, link: str, headers: Mapping[str, str]
) -> requests.Response | None:
    """The file, or None when the link does not lead to it any more."""
    try:
        response = transport.open("GET", link, headers=headers, redirected=True)
    except (UnavailableError, ForbiddenUrlError):
        return None
    page = "text/html" in response.headers.get("Content-Type", "")
    if response.status_code in (200, 206, 416) and not page:
        return response
    response.close()
    return None
