"""The Civitai stand-in as tests and the demo hold it."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .api import Site
from .catalogue import Catalogue
from .civarchive import CivArchive
from .faults import KINDS, Fault
from .links import Clock, Links
from .service import RecordedRequest, Service
from .storage import Storage
from .values import Published


class Marketplace(Service):
    """Civitai, its storage and its pictures."""

    def __init__(
        self,
        *,
        keys: Collection[str] = (),
        host: str = "127.0.0.1",
        site_port: int = 0,
        storage_port: int = 0,
    ) -> None:
        """`keys` are the valid API keys; a port of 0 takes any free one."""
        clock = Clock()
        self.catalogue = Catalogue()
        self.publish = self.catalogue.publish
        self.load_fixtures = self.catalogue.load_fixtures
        links = Links(clock)
        site = Site(
            self.catalogue,
            links,
            clock,
            keys,
            own_url=lambda: self.site_url,
            storage_url=lambda: self.storage_url,
        )
        self.archive = CivArchive(host)
        super().__init__(
            site.answer,
            Storage(self.catalogue, links).answer,
            clock=clock,
            host=host,
            site_port=site_port,
            storage_port=storage_port,
            images=self.catalogue.image_host.answer,
            more=(self.archive.listener,),
        )

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make Satchel ask this marketplace, and nobody else."""
        off = dict.fromkeys(
            (f"SATCHEL_{kind}_URL" for kind in ("HUGGINGFACE", "MODELSCOPE", "FAL", "REPLICATE")),
            "off",
        )
        return {
            "SATCHEL_CIVITAI_URL": self.site_url,
            "SATCHEL_CIVITAI_IMAGES_URL": self.images_url,
            "SATCHEL_CIVARCHIVE_URL": self.archive.url,
            "SATCHEL_TRUSTED_ORIGINS": self.storage_url,
            "SATCHEL_CREDENTIALS": "off",
            **off,
        }

    def fault(
        self,
        kind: str,
        *,
        times: int | None = 1,
        match: Published | str | None = None,
        origin: str | None = None,
        **settings: Any,
    ) -> Fault:
        """As any service's, and `match` may be a published file: its download and its storage."""
        if isinstance(match, Published):
            download = f"/api/download/models/{match.version_id}"
            at_site = (origin or KINDS[kind].origin) == "site"
            match = re.escape(download if at_site else match.storage_path) + "$"
        return super().fault(kind, times=times, match=match, origin=origin, **settings)


__all__ = ["Marketplace", "RecordedRequest"]
