"""A machine with model folders, for tests of what happens on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.marketplace import Marketplace

from satchel.catalog import Catalog
from satchel.folders import open_folders
from satchel.settings import Settings, SourceSettings, origin_of
from satchel.workspace import Workspace

OFF = dict.fromkeys(
    ("civitai", "civarchive", "huggingface", "modelscope", "fal", "replicate"), SourceSettings("")
)
"""Sites that a test asks only when it brings a stand-in for them."""


def sources_of(market: Marketplace, token: str | None = None) -> dict[str, SourceSettings]:
    """The stand-in in place of the sites that it stands for."""
    return {
        "civitai": SourceSettings(market.site_url, token),
        "civarchive": SourceSettings(market.archive.url),
    }


def make_workspace(
    base: Path, market: Marketplace | None = None, *, token: str | None = None, **settings: Any
) -> Workspace:
    """A workspace whose models live in `base/models`, asking the stand-in marketplace."""
    (base / "models").mkdir(parents=True, exist_ok=True)
    if market is not None:
        settings.setdefault("sources", sources_of(market, token))
        settings.setdefault("trusted_origins", frozenset({origin_of(market.storage_url)}))
        settings.setdefault("civitai_images_url", market.images_url)
    settings["sources"] = {**OFF, **settings.get("sources", {})}
    return Workspace(
        Settings(**settings), open_folders(base / "models"), Catalog(base / "catalog.sqlite3")
    )
