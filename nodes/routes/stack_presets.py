"""Routes about stack presets: kept by the server, so that all browsers have them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from ...satchel.stack_presets import (
    StackPreset,
    StackPresets,
    make_preset,
    read_shared,
    shared,
    with_local_names,
)
from ...satchel.workspace import Workspace
from .. import host
from ..workspace import workspace
from .serving import Handler, flag_in, json_body, text_in

KIND = "loras"


def _presets() -> StackPresets:
    return StackPresets(host.system_user_directory() / "stack_presets.json")


def _listed(**more: Any) -> dict[str, Any]:
    return {"presets": [preset.to_json() for preset in _presets().all()], **more}


async def _list(request: web.Request) -> web.Response:
    return web.json_response(await asyncio.to_thread(_listed))


async def _save(request: web.Request) -> web.Response:
    body = await json_body(request)

    def work() -> Any:
        preset = make_preset(body.get("name"), body.get("rows"))
        _presets().save(preset, replaces=flag_in(body, "replace"))
        return _listed()

    return web.json_response(await asyncio.to_thread(work))


async def _delete(request: web.Request) -> web.Response:
    name = text_in(await json_body(request), "name")

    def work() -> Any:
        _presets().delete(name)
        return _listed()

    return web.json_response(await asyncio.to_thread(work))


async def _share(request: web.Request) -> web.Response:
    name = text_in(await json_body(request), "name")

    def work() -> Any:
        space = workspace()
        return shared([_presets().get(name)], lambda lora: _digest_of(lora, space))

    return web.json_response(await asyncio.to_thread(work))


async def _import(request: web.Request) -> web.Response:
    body = await json_body(request)

    def work() -> Any:
        presets, digests = read_shared(json.dumps(body.get("file")))
        space = workspace()

        def named(preset: StackPreset) -> StackPreset:
            return with_local_names(preset, digests, lambda *lora: _name_of(*lora, space))

        return _listed(imported=_presets().add([named(preset) for preset in presets]))

    return web.json_response(await asyncio.to_thread(work))


def _digest_of(name: str, space: Workspace) -> str | None:
    """What is known already; nothing is hashed for it."""
    model = space.folders.find(KIND, name)
    digests = None if model is None else space.catalog.digests(model)
    return None if digests is None else digests.sha256


def _name_of(name: str, sha256: str | None, space: Workspace) -> str | None:
    """The file of that name, else one with those bytes."""
    if sha256 is None or space.folders.find(KIND, name) is not None:
        return None
    rows = space.catalog.files.with_digest("SHA256", sha256)
    return next((row.name for row in rows if row.kind == KIND and row.name), None)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/stack-presets", _list),
    ("POST", "/stack-presets/save", _save),
    ("POST", "/stack-presets/delete", _delete),
    ("POST", "/stack-presets/share", _share),
    ("POST", "/stack-presets/import", _import),
)
