"""Routes of pictures, each made anew as a small JPEG: of models that are here, or were found."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...satchel.errors import InvalidInputError
from ...satchel.found_pictures import FoundPictures
from ...satchel.preview_cache import find_shown_preview
from ..thumbnails import EDGES, Thumbnails
from ..workspace import workspace
from .serving import Handler, check_may_work, kind_in, text_in

found_pictures = FoundPictures()
thumbnails = Thumbnails()

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The page asks with the time of the file's last change, or with a key of one picture only.
    "Cache-Control": "private, max-age=86400",
}


async def _preview(request: web.Request) -> web.Response:
    query: dict[str, Any] = dict(request.query)
    kind = kind_in({"kind": text_in(query, "kind")})
    name, size = text_in(query, "name"), query.get("size", "small")
    if size not in EDGES:
        raise InvalidInputError(
            f"size is {str(size)[:40]!r}, which is not known.", hint="Ask for small or large."
        )

    def work() -> bytes:
        space = workspace()
        path = find_shown_preview(str(kind), name, space.folders, space.catalog)
        return thumbnails.get(path, EDGES[size])

    return _picture(await asyncio.to_thread(work))


async def _found_picture(request: web.Request) -> web.Response:
    check_may_work(request)
    key = text_in(dict(request.query), "key")

    def work() -> bytes:
        def fetch() -> bytes:
            return found_pictures.fetch(key, workspace())

        return thumbnails.made(key, fetch, "The picture", EDGES["small"])

    return _picture(await asyncio.to_thread(work))


def _picture(jpeg: bytes) -> web.Response:
    return web.Response(body=jpeg, content_type="image/jpeg", headers=_HEADERS)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/preview", _preview),
    ("GET", "/found-picture", _found_picture),
)
