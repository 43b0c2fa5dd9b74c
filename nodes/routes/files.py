"""Routes about the files that are here: model-info, find, identify, scan, updates, previews."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...satchel.errors import InvalidInputError
from ...satchel.folders import LocalModel
from ...satchel.hashes import ALL_KINDS, DEFAULT_KINDS
from ...satchel.identify import identify_file
from ...satchel.inventory import find_here, listed, previews_here, take_inventory, updates_here
from ...satchel.model_info import model_info
from ...satchel.progress import Cancellation, Report
from ...satchel.updates import known_updates
from ...satchel.workspace import Workspace
from ..background import background
from ..public import without_paths
from ..workspace import workspace
from .serving import (
    Handler,
    check_may_work,
    count_in,
    flag_in,
    json_body,
    kind_in,
    names_in,
    run,
    text_in,
)

MAX_FILES = 1000
MAX_FOUND = 500


async def _model_info(request: web.Request) -> web.Response:
    body = await json_body(request)
    entries = body.get("files")
    if not isinstance(entries, list) or not 0 < len(entries) <= MAX_FILES:
        raise InvalidInputError(
            f"files must be a list of 1 to {MAX_FILES} files.",
            hint='Send {"files": [{"kind": "loras", "name": "x.safetensors"}]}.',
        )

    def work() -> Any:
        space = workspace()
        models = [file_in(entry, space) for entry in entries]
        return [info.to_json() for info in model_info(models, space.catalog)]

    return web.json_response({"models": without_paths(await asyncio.to_thread(work))})


async def _find(request: web.Request) -> web.Response:
    body = await json_body(request)
    query, kinds = text_in(body, "query"), names_in(body, "kinds") or []
    limit = min(count_in(body, "limit", 50, least=1), MAX_FOUND)

    def work() -> Any:
        found, infos = find_here(query, kinds, limit, workspace())
        return {"how": found.how, "models": [info.to_json() for info in infos]}

    return web.json_response(without_paths(await asyncio.to_thread(work)))


async def _identify(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    kinds = ALL_KINDS if flag_in(body, "all_digests") else DEFAULT_KINDS
    explain = flag_in(body, "explain")

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        path = file_in(body, space).path
        return without_paths(identify_file(path, space, kinds, explain=explain))

    return await run(work, body)


async def _scan(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    kinds = names_in(body, "kinds") or []
    look_up, now, behind = (flag_in(body, key) for key in ("look_up", "hash", "hash_behind"))
    previews = flag_in(body, "previews")

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        inventory = take_inventory(
            kinds, space, hash_unknown=now or look_up, look_up=look_up, previews=previews
        )
        if behind:
            background.start_hashing()
        changes = inventory.scanned.changes
        return {
            "models": without_paths(inventory.to_json()),
            "unhashed": inventory.unknown,
            "unread": [model.name for model in inventory.unread],
            "complaints": list(inventory.failures),
            "hashing_behind": background.hashing,
            "changes": changes.to_json(),
        }

    return await run(work, body)


async def _known_updates(_: web.Request) -> web.Response:
    def work() -> Any:
        space = workspace()
        return known_updates(listed([], space).models, space.catalog).to_json()

    return web.json_response(await asyncio.to_thread(work))


async def _updates(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    kinds, known_only = names_in(body, "kinds") or [], flag_in(body, "known_only")

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        found, unknown = updates_here(kinds, space, known_only=known_only)
        return {**found.to_json(), "unhashed": unknown}

    return await run(work, body)


async def _previews(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    kinds = names_in(body, "kinds") or []

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        return previews_here(kinds, space).to_json()

    return await run(work, body)


def file_in(entry: Any, space: Workspace) -> LocalModel:
    """A model that a body names by its folder and its name in there; never by a path.

    Raises:
        InvalidInputError: it names nothing.
        ModelNotFoundError: there is no such file.
    """
    if not isinstance(entry, dict):
        raise InvalidInputError(
            "A file is given by its folder and name.",
            hint='Send {"kind": "loras", "name": "x.safetensors"}.',
        )
    kind = kind_in(entry) or text_in(entry, "kind")
    return space.folders.get(kind, text_in(entry, "name"))


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/model-info", _model_info),
    ("POST", "/find", _find),
    ("POST", "/identify", _identify),
    ("POST", "/scan", _scan),
    ("GET", "/updates/known", _known_updates),
    ("POST", "/updates", _updates),
    ("POST", "/previews", _previews),
)
