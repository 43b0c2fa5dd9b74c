"""Brings the catalog up to date with the model folders, without hashing anything."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from .catalog import Catalog
from .catalog.listing import ListingChanges
from .folders import LocalModel, ModelFolders


@dataclass(frozen=True, slots=True)
class Scan:
    """All model files of some kinds as they are now, and what had changed since the last scan."""

    models: tuple[LocalModel, ...]
    changes: ListingChanges


def scan(folders: ModelFolders, catalog: Catalog, kinds: Iterable[str] | None = None) -> Scan:
    """Lists model folders; known contents are followed to where they moved.

    A file that is missing stays in the catalog as history. A folder that cannot be listed, such as
    one on a disk that is not plugged in, makes nothing missing.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    wanted = list(folders.roots if kinds is None else kinds)
    # Before the files: what appears below a root while it is listed is not taken for missing.
    roots = [
        os.path.realpath(root)
        for kind in wanted
        for root in folders.roots.get(kind, ())
        if root.is_dir()
    ]
    models = tuple(folders.files(wanted))
    changes = catalog.store_listing(models, list(dict.fromkeys(roots)))
    return Scan(models, changes)
