"""The server's own workspace: its settings, its model folders, its catalog."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..satchel.catalog import Catalog
from ..satchel.settings import Settings
from ..satchel.workspace import Workspace
from . import host


def workspace() -> Workspace:
    """Put together for each request or run, since the operator's settings may be mistaken.

    Raises:
        InvalidInputError, CredentialsError: they are.
    """
    return Workspace(Settings.from_environment(), host.model_folders(), catalog())


def catalog() -> Catalog:
    """The catalog, which needs no settings."""
    return _catalog(host.system_user_directory() / "catalog.sqlite3")


@cache
def _catalog(path: Path) -> Catalog:
    """One per server: its tables and pages are checked once, not at every request."""
    return Catalog(path)
