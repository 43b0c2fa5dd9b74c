"""Pictures of models that a search found: which may be shown, and their bytes when a page asks.

A page is given a key for each picture and never sends an address. So nothing is ever asked for but
what a marketplace told this server, lies on one of its image hosts, and is not mature.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from .catalog.previews import PublishedPreview
from .errors import MarketplaceError, ModelNotFoundError, UnavailableError
from .marketplaces.pictures import PictureHosts
from .marketplaces.records import PublishedVersion
from .published_previews import (
    BROKEN,
    BROKEN_S,
    FAILED_S,
    Address,
    Patience,
    shown_addresses,
)
from .settings import Settings
from .workspace import Workspace

MAX_KNOWN = 5_000
"""Of so many pictures the keys are good; those of older searches are forgotten."""


class FoundPictures:
    """The pictures that searches of one server told; may be used from any thread."""

    def __init__(self, most: int = MAX_KNOWN) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Address] = OrderedDict()
        self._keys: dict[str, str] = {}
        """Published address -> key: a search that is made again tells the same keys."""
        self._patience = Patience()
        self._paused: dict[str, float] = {}
        """Source -> until when it is not asked."""
        self._hosts: tuple[Settings, PictureHosts] | None = None

    def keys_of(
        self, versions: Iterable[PublishedVersion], workspace: Workspace
    ) -> list[str | None]:
        """Of each version, the key of the first picture that may be shown; None if it has none.

        Raises:
            CatalogError: the catalog cannot be used.
        """
        refused, settings = workspace.catalog.previews.refused(), workspace.settings
        firsts = (next(shown_addresses(_shown(one), refused, settings), None) for one in versions)
        return [None if first is None else self._remember(first) for first in firsts]

    def fetch(self, key: str, workspace: Workspace) -> bytes:
        """The bytes of a PNG, JPEG or WebP picture.

        Raises:
            ModelNotFoundError: no search told of this key, or it is forgotten.
            MarketplaceError: it cannot be had; the same address is not asked for a while.
            CatalogError: the catalog cannot be used.
        """
        address = self._known.get(key)
        if address is None:
            raise ModelNotFoundError("There is no such picture.", hint="Search again.")
        if time.monotonic() < self._paused.get(address.source, 0.0):
            raise UnavailableError(
                f"{address.source} does not send its pictures right now.", hint="Try again later."
            )
        try:
            picture = self._hosts_of(workspace.settings).get(address.source, address.asked)
        except MarketplaceError as error:
            if self._patience.ends_with(address.source, error):
                self._paused[address.source] = time.monotonic() + FAILED_S
            seconds = BROKEN_S if isinstance(error, BROKEN) else FAILED_S
            workspace.catalog.previews.refuse({address.url: time.time() + seconds})
            raise
        self._patience.answered(address.source)
        return picture

    def _remember(self, address: Address) -> str:
        with self._lock:
            key = self._keys.setdefault(address.url, secrets.token_urlsafe(16))
            self._known[key] = address
            self._known.move_to_end(key)
            while len(self._known) > self._most:
                _, oldest = self._known.popitem(last=False)
                del self._keys[oldest.url]
            return key

    def _hosts_of(self, settings: Settings) -> PictureHosts:
        """Connections are kept as long as the settings stay as they are."""
        with self._lock:
            if self._hosts is None or self._hosts[0] != settings:
                self._hosts = settings, PictureHosts(settings)
            return self._hosts[1]


def _shown(version: PublishedVersion) -> Iterator[PublishedPreview]:
    for one in version.previews:
        yield PublishedPreview(
            version.source, one.url, one.type, one.nsfw_level, version.nsfw_level
        )
