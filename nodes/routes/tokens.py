"""Routes about tokens of sources. A token goes in and never comes out."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...satchel.progress import Cancellation, Report
from ...satchel.tokens import forget_token, store_token, token_statuses
from ..workspace import workspace
from .serving import Handler, check_may_work, json_body, run, text_in


async def _status(request: web.Request) -> web.Response:
    return web.json_response(await asyncio.to_thread(_told))


async def _check(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)

    def work(report: Report, cancellation: Cancellation) -> Any:
        return _told(check=True)

    return await run(work, body)


async def _set(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    source, token = text_in(body, "source"), text_in(body, "token")
    await asyncio.to_thread(store_token, source, token)
    return web.json_response(await asyncio.to_thread(_told))


async def _clear(request: web.Request) -> web.Response:
    check_may_work(request)
    source = text_in(await json_body(request), "source")
    await asyncio.to_thread(forget_token, source)
    return web.json_response(await asyncio.to_thread(_told))


def _told(*, check: bool = False) -> dict[str, Any]:
    return {"sources": [status.to_json() for status in token_statuses(workspace(), check=check)]}


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/auth", _status),
    ("POST", "/auth/check", _check),
    ("POST", "/auth/set", _set),
    ("POST", "/auth/clear", _clear),
)
