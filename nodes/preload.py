"""Fetches what the operator's workflows need before the server accepts work.

The host loads node packs before it listens, and waits for each of them: whoever sees the port open
finds the models there. ComfyUI ends at an argument that it does not know, so the list comes from
`SATCHEL_PRELOAD` or from `satchel.toml`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..satchel.errors import SatchelError
from ..satchel.workflow.documents import read_file
from ..satchel.workflow.install import install
from ..satchel.workflow.plan import plan_document
from ..satchel.workspace import Workspace

log = logging.getLogger(__name__)

_results: list[dict[str, Any]] = []


def preloaded() -> list[dict[str, Any]]:
    """What became of each file: `name`, `ok`, `installed` and `reason`."""
    return list(_results)


async def preload(workspace: Callable[[], Workspace]) -> None:
    """Fetches all that is listed. What fails is logged and told by `/status`: the server starts."""
    try:
        here = workspace()
    except SatchelError as error:
        log.error("Satchel preloads nothing: %s %s", error, error.hint)
        return
    for path in here.settings.policy.preload:
        _results.append(await asyncio.to_thread(_fetch, path, here))


def _fetch(path: Path, workspace: Workspace) -> dict[str, Any]:
    log.info("Satchel preloads %s.", path.name)
    installed, ok, reason = 0, False, ""
    try:
        document = read_file(path)
        imported = install(document, plan_document(document, workspace), workspace)
        installed, ok = len(imported.installed), imported.plan.ok
        absent = [m.model.identity.name for m in imported.plan.models if m.wanted and not m.here]
        reason = f"Not here: {', '.join(absent)}." if absent else ""
    except SatchelError as error:
        reason = f"{error} {error.hint}".strip()
    if ok:
        log.info("Satchel preloaded %s: %d fetched.", path.name, installed)
    else:
        log.error("Satchel could not preload %s. %s", path.name, reason)
    return {"name": path.name, "ok": ok, "installed": installed, "reason": reason or None}
