"""This server's settings, folders and catalog, as the core takes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..satchel.catalog import Catalog
from ..satchel.lora.presets import all_presets
from ..satchel.policy import FILE_NAME as POLICY
from ..satchel.settings import Settings
from ..satchel.workflow.queued import Machine
from ..satchel.workspace import Workspace
from . import host


def workspace() -> Workspace:
    """The server's settings, folders and catalog, as they are now.

    Raises:
        SatchelError: the operator's settings cannot be used.
    """
    here = host.system_user_directory()
    return Workspace(
        Settings.from_environment(policy_path=here / POLICY),
        host.model_folders(),
        catalog(),
        custom_nodes=host.custom_node_folders(),
    )


def catalog() -> Catalog:
    """The catalog, which needs no settings."""
    return _catalog(host.system_user_directory() / "catalog.sqlite3")


@cache
def _catalog(path: Path) -> Catalog:
    """One per server: its tables and pages are checked once, not at every request."""
    return Catalog(path)


def machine() -> Machine:
    """What this server knows about itself; raises as `workspace`."""
    return Machine(
        workspace(),
        host.versions(),
        host.node_packs(),
        host.output_types(),
        host.lora_names(),
        lambda: all_presets(host.system_user_directory() / "presets"),
    )
