"""Routes about the LoRAs that are here, for the page: a list, norms by block slot."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...satchel.errors import InvalidInputError
from ...satchel.progress import Cancellation, Report
from ..lora_list import LoraList
from ..slot_norms import SlotNormsBook
from ..workspace import workspace
from .serving import Handler, jobs, json_body, run, text_in

lora_list = LoraList(jobs)
norms = SlotNormsBook()


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


async def _block_norms(request: web.Request) -> web.Response:
    body = await json_body(request)
    name, architecture = text_in(body, "lora"), text_in(body, "architecture")

    def work(report: Report, cancellation: Cancellation) -> Any:
        return norms.of(name, architecture, workspace().folders, cancellation)

    return await run(work, body)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/loras", _loras),
    ("POST", "/block-norms", _block_norms),
)
