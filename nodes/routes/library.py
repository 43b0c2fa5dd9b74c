"""Routes about the library: all files of all folders, what is known of one, notes about it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...satchel.errors import InvalidInputError
from ...satchel.model_details import write_note
from ...satchel.progress import Cancellation, Report
from ...satchel.shelf import SORTS, Wanted
from .. import host
from ..library import library
from ..public import without_paths
from ..workspace import workspace
from .files import file_in
from .serving import (
    Handler,
    check_may_work,
    count_in,
    flag_in,
    json_body,
    names_in,
    run,
    text_in,
)

MAX_PAGE = 500


async def _library(request: web.Request) -> web.Response:
    body = await json_body(request)
    wanted, stamp = _wanted(body), text_in(body, "stamp", default="")
    offset = count_in(body, "offset", 0)
    limit = min(count_in(body, "limit", 100), MAX_PAGE)
    return web.json_response(await asyncio.to_thread(library.page, wanted, stamp, offset, limit))


async def _details(request: web.Request) -> web.Response:
    body = await json_body(request)

    def work() -> Any:
        return without_paths(library.details(file_in(body, workspace())))

    return web.json_response(await asyncio.to_thread(work))


async def _notes(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    text, words = text_in(body, "text", default=""), names_in(body, "trigger_words") or []

    def work() -> Any:
        space = workspace()
        note = write_note(file_in(body, space), text, words, space.catalog)
        return {"text": note.text, "trigger_words": list(note.words)}

    return web.json_response(await asyncio.to_thread(work))


async def _used_in(request: web.Request) -> web.Response:
    body = await json_body(request)

    def work(report: Report, cancellation: Cancellation) -> Any:
        folder = host.workflow_folder()
        if folder is None:
            return {"workflows": None}
        model = file_in(body, workspace())
        return {"workflows": library.usage.used_in(model, folder, report, cancellation)}

    return await run(work, body)


def _wanted(body: dict[str, Any]) -> Wanted:
    sort = text_in(body, "sort", default="relevance")
    if sort not in SORTS:
        raise InvalidInputError(
            f"Files cannot be sorted by {sort[:40]!r}.", hint="By one of: " + ", ".join(SORTS) + "."
        )
    return Wanted(
        query=text_in(body, "query", default=""),
        kinds=tuple(names_in(body, "kinds") or ()),
        base_models=tuple(names_in(body, "base_models") or ()),
        tags=tuple(names_in(body, "tags") or ()),
        updates=flag_in(body, "updates"),
        duplicates=flag_in(body, "duplicates"),
        sort=sort,
    )


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/library", _library),
    ("POST", "/library/details", _details),
    ("POST", "/library/notes", _notes),
    ("POST", "/library/used-in", _used_in),
)
