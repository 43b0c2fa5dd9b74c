"""HTTP routes under /satchel/v1, one module per topic."""

from __future__ import annotations

from .. import host
from . import (
    bundles,
    files,
    jobs,
    library,
    loras,
    models,
    pictures,
    queue,
    running,
    stack_presets,
    tokens,
    workflows,
)
from .serving import PREFIX, guarded

_TOPICS = (
    workflows, bundles, running, models, files, library, loras, pictures, stack_presets, queue,
    tokens, jobs,
)  # fmt: skip


def register_routes() -> None:
    """Adds the routes to the host's server."""
    for topic in _TOPICS:
        for method, path, handler in topic.ROUTES:
            host.add_route(method, PREFIX + path, guarded(handler))
