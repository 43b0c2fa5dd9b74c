"""Published pictures: where one is asked for, and its bytes, once they are known to be a picture.

Civitai's image host makes a picture smaller when its address says so: the part before the name
holds `original=true`, `width=450` and the like.
"""

from __future__ import annotations

import threading
from urllib.parse import urlsplit, urlunsplit

import requests

from ..errors import AccessDeniedError, NotFoundError, UnavailableError
from ..picture_heads import picture_head
from ..settings import SOURCES, Settings
from .answers import bad_answer, edge_block, public_url, raise_for_overload, read_body
from .hosts import PICTURES
from .transport import Transport
from .url_policy import UrlPolicy

MAX_BYTES = 8 * 1024 * 1024
"""Larger ones are no previews."""
WIDTH = 450
"""Pixels: the width that Civitai's own cards have, so that its caches know the picture."""
_HEADERS = {"Accept": "image/webp, image/jpeg, image/png"}


def picture_address(source: str, url: str, settings: Settings) -> str | None:
    """Where a published picture is asked for; None if it lies on no host of its source.

    Args:
        source: `Source.kind`.
        url: as the source published it.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if source not in PICTURES or not settings.asks(source):
        return None
    if parts.scheme != "https" or port is not None or host not in PICTURES[source].site:
        return None
    if source == "civitai":
        path = _narrowed(parts.path)
        if settings.civitai_images_url:
            return settings.civitai_images_url + path
        return urlunsplit((parts.scheme, host, path, "", ""))
    site, asked = SOURCES[source].url, settings.source(source).url
    return asked + url[len(site) :] if url.startswith(f"{site}/") else url


def _narrowed(path: str) -> str:
    parts = path.split("/")
    if len(parts) > 2 and "=" in parts[-2]:
        parts[-2] = f"width={WIDTH}"
    return "/".join(parts)


class PictureHosts:
    """Asks the image hosts, without any token; may be used from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._transports: dict[str, Transport] = {}

    def get(self, source: str, address: str) -> bytes:
        """The bytes of a PNG, JPEG or WebP picture of bearable size.

        Raises:
            NotFoundError, BadResponseError: there is none at this address.
            ForbiddenUrlError: it, or a redirect, leads where it may not.
            MarketplaceError: the host does not answer properly right now.
        """
        transport = self._transport(source)
        with transport.open("GET", address, headers=_HEADERS) as response:
            _raise_for_refusal(response)
            body = read_body(response, MAX_BYTES)
            if len(body) > MAX_BYTES:
                raise bad_answer(response, f"has more than {MAX_BYTES} bytes")
            head = picture_head(body)
            if head is None or not head.fits:
                what = "is no PNG, JPEG or WebP picture" if head is None else "has too many pixels"
                raise bad_answer(response, what)
        return body

    def _transport(self, source: str) -> Transport:
        with self._lock:
            if source not in self._transports:
                policy = UrlPolicy.of_pictures(source, self._settings)
                self._transports[source] = Transport(policy)
            return self._transports[source]


def _raise_for_refusal(response: requests.Response) -> None:
    raise_for_overload(response)
    status, host = response.status_code, urlsplit(response.url or "").hostname
    facts = {"status": status, "url": public_url(response.url or "")}
    is_page = "html" in response.headers.get("Content-Type", "")
    if status == 403:
        if is_page:
            raise edge_block(response)
        raise AccessDeniedError(f"{host} refuses a picture.", hint="Try again later.", **facts)
    if status >= 400:
        raise NotFoundError(
            f"{host} does not have this picture (any more).", hint="Nothing can be done.", **facts
        )
    if status != 200:
        raise bad_answer(response, f"is not what was asked for (HTTP {status})")
    if is_page:
        raise UnavailableError(
            f"{host} answers with a web page instead of a picture.",
            hint="It may be down for maintenance: try again later.",
            **facts,
        )
