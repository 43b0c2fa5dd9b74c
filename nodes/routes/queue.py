"""Routes about the download queue, which the server works through in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...satchel.downloads import DownloadQueue, QueueEntry
from ...satchel.errors import InvalidInputError
from ...satchel.progress import Cancellation, Report
from ...satchel.queueing import enqueue
from ...satchel.references import parse_reference
from ..background import background
from ..public import without_paths
from ..workspace import workspace
from .serving import (
    Handler,
    check_may_install,
    count_in,
    json_body,
    kind_in,
    run,
    text_in,
)

MAX_PRIORITY = 1000


async def _list(request: web.Request) -> web.Response:
    return web.json_response(await asyncio.to_thread(_listing, workspace().queue()))


async def _add(request: web.Request) -> web.Response:
    check_may_install(request)
    body = await json_body(request)
    reference, kind = parse_reference(text_in(body, "reference")), kind_in(body)
    priority = _priority_in(body, default=0)

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        model = space.resolver().resolve(reference, kind)
        entry = enqueue(model, space, priority=priority)
        background.start_downloads()
        return without_paths(entry.to_json())

    return await run(work, body)


def _change(change: Callable[[DownloadQueue, int], QueueEntry]) -> Handler:
    """A route that changes the entries whose `ids` it is given."""

    def act(queue: DownloadQueue, body: dict[str, Any]) -> None:
        ids = body.get("ids")
        if not isinstance(ids, list) or not ids or not all(type(one) is int for one in ids):
            raise InvalidInputError(
                "ids must be a list of numbers.", hint='Send something like {"ids": [1]}.'
            )
        for entry_id in ids:
            change(queue, entry_id)

    return _acting(act)


def _acting(act: Callable[[DownloadQueue, dict[str, Any]], object]) -> Handler:
    """A route that changes the queue at once, and answers with how it is then."""

    async def handler(request: web.Request) -> web.Response:
        check_may_install(request)
        body = await json_body(request)

        def work() -> Any:
            queue = workspace().queue()
            act(queue, body)
            background.start_downloads()
            return _listing(queue)

        return web.json_response(await asyncio.to_thread(work))

    return handler


def _move(queue: DownloadQueue, body: dict[str, Any]) -> None:
    before = count_in(body, "before") if body.get("before") is not None else None
    queue.move(count_in(body, "id"), before)


def _prioritize(queue: DownloadQueue, body: dict[str, Any]) -> None:
    queue.prioritize(count_in(body, "id"), _priority_in(body))


def _set_limits(queue: DownloadQueue, body: dict[str, Any]) -> None:
    given = {
        name: count_in(body, name)
        for name in ("total", "per_host", "connections")
        if body.get(name) is not None
    }
    limits = replace(queue.limits, **given)
    if "bytes_per_s" in body:
        cap = body["bytes_per_s"]
        limits = replace(limits, bytes_per_s=None if cap is None else count_in(body, "bytes_per_s"))
    queue.set_limits(limits)


def _priority_in(body: dict[str, Any], default: int | None = None) -> int:
    value = body.get("priority", default)
    if type(value) is not int or abs(value) > MAX_PRIORITY:
        raise InvalidInputError(
            f"priority must be a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}.",
            hint="Higher ones come first; 0 is usual.",
        )
    return value


def _listing(queue: DownloadQueue) -> dict[str, Any]:
    entries = [entry.to_json() for entry in queue.entries()]
    return {"entries": without_paths(entries), "limits": queue.limits.to_json()}


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/queue", _list),
    ("POST", "/queue/add", _add),
    ("POST", "/queue/pause", _change(DownloadQueue.pause)),
    ("POST", "/queue/resume", _change(DownloadQueue.resume)),
    ("POST", "/queue/cancel", _change(DownloadQueue.cancel)),
    ("POST", "/queue/move", _acting(_move)),
    ("POST", "/queue/priority", _acting(_prioritize)),
    ("POST", "/queue/limits", _acting(_set_limits)),
    ("POST", "/queue/clear", _acting(lambda queue, body: queue.clear())),
)
