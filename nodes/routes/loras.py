"""Routes about the LoRAs that are here, for the page: a list, previews, norms by block slot."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...satchel.errors import InvalidInputError
from ...satchel.preview_cache import find_shown_preview
from ...satchel.progress import Cancellation, Report
from ..lora_list import LoraList
from ..slot_norms import SlotNormsBook
from ..thumbnails import EDGES, Thumbnails
from ..workspace import workspace
from .serving import Handler, jobs, json_body, kind_in, run, text_in

lora_list = LoraList(jobs)
thumbnails = Thumbnails()
norms = SlotNormsBook()

_PICTURE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The page asks with the time of the file's last change.
    "Cache-Control": "private, max-age=86400",
}


async def _loras(request: web.Request) -> web.Response:
    body = await json_body(request)
    known = text_in(body, "known", default="")
    model = body.get("model")
    if model is not None and not (
        isinstance(model, dict) and all(isinstance(text, str) for text in model.values())
    ):
        raise InvalidInputError(
            "model must be a file by its folder and name.",
            hint='Send {"model": {"directory": "checkpoints", "name": "x.safetensors"}}.',
        )
    return web.json_response(await asyncio.to_thread(lora_list.answer, known, model))


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

    picture = await asyncio.to_thread(work)
    return web.Response(body=picture, content_type="image/jpeg", headers=_PICTURE_HEADERS)


async def _block_norms(request: web.Request) -> web.Response:
    body = await json_body(request)
    name, architecture = text_in(body, "lora"), text_in(body, "architecture")

    def work(report: Report, cancellation: Cancellation) -> Any:
        return norms.of(name, architecture, workspace().folders, cancellation)

    return await run(work, body)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/loras", _loras),
    ("GET", "/preview", _preview),
    ("POST", "/block-norms", _block_norms),
)
