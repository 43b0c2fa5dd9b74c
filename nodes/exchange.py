"""Where this server keeps the bundles that it and a browser hand each other."""

from __future__ import annotations

from ..satchel.exchange import Exchange
from . import host


def exchange() -> Exchange:
    """A folder that the host does not serve."""
    return Exchange(host.system_user_directory() / "exchange")
