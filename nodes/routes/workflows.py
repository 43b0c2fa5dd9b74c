"""Routes about workflows, and the server's state: request -> core call -> JSON."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...satchel import __version__
from ...satchel.errors import InvalidInputError, SatchelError
from ...satchel.lora.presets import all_presets
from ...satchel.progress import Cancellation, Report
from ...satchel.settings import SOURCES
from ...satchel.workflow.bundle_inputs import inputs_to_write, place_inputs
from ...satchel.workflow.convert import convert, convertible_types
from ...satchel.workflow.install import install
from ...satchel.workflow.plan import plan_document
from ...satchel.workflow.planned import Plan, host_name
from ...satchel.workflow.rewrite import rewrite
from ...satchel.workspace import Workspace
from .. import host
from ..access import policy_facts
from ..block_editor import show_blocks
from ..exchange import exchange
from ..planning import with_content
from ..preload import preloaded
from ..workspace import workspace
from .documents import (
    document_of,
    exported_document,
    models_in,
    offered_in,
    portable_of,
    references_in,
)
from .serving import (
    Handler,
    check_may_install,
    check_may_work,
    install_refusal,
    json_body,
    names_in,
    run,
)

MAX_BLOCKS = 100_000


async def _status(_: web.Request) -> web.Response:
    settings = workspace().settings
    return web.json_response(
        {
            "policy": policy_facts(settings.policy),
            "rules": settings.rules(),
            "preload": preloaded(),
            "version": __version__,
            "tokens": {kind: settings.source(kind).token is not None for kind in SOURCES},
            "folders": sorted(host.model_folders().roots),
            "lora_cache": host.lora_cache().counts(),
            "convertible": convertible_types(),
        }
    )


async def _plan(request: web.Request) -> web.Response:
    body = await json_body(request)
    document = await asyncio.to_thread(document_of, body)
    quick = body.get("quick") is True
    include_optional = body.get("include_optional") is True
    offered, refusal = offered_in(body), install_refusal(request)

    def work(report: Report, cancellation: Cancellation) -> Any:
        here = workspace().watched(report, cancellation)
        plan = plan_document(
            document, here, quick=quick, include_optional=include_optional, offered=offered
        )
        rewritten, rewrites = rewrite(document, plan)
        return {
            "plan": plan.to_json(),
            "refusal": _refusal_of(plan, refusal, here),
            "graph": rewritten.ui,
            "prompt": rewritten.api,
            "rewrites": [change.to_json() for change in rewrites],
            "inputs": [
                {"name": name, "bytes": member.size}
                for name, member in inputs_to_write(document, host.input_directory()).items()
            ],
        }

    return await run(work, body)


def _refusal_of(plan: Plan, refusal: SatchelError | None, here: Workspace) -> dict[str, Any] | None:
    """Why installing this would be refused as a whole, before anybody sends or fetches a byte."""
    if not plan.to_fetch:
        return None
    try:
        here.settings.policy.check_total(plan.bytes_to_fetch)
    except SatchelError as error:
        refusal = refusal or error
    return refusal.to_json() if refusal is not None else None


async def _install(request: web.Request) -> web.Response:
    check_may_install(request)
    body = await json_body(request)
    document = await asyncio.to_thread(document_of, body)
    include_optional = body.get("include_optional") is True
    only = models_in(body, "only")

    def work(report: Report, cancellation: Cancellation) -> Any:
        here = workspace().watched(report, cancellation)
        plan = plan_document(document, here, include_optional=include_optional)
        imported = install(document, plan, here, only=only)
        placed = place_inputs(imported.document, host.input_directory())
        if plan.ok or imported.plan.ok:
            exchange().remove(str(body.get("upload")))
        return replace(imported, document=placed).to_json()

    return await run(work, body)


async def _export(request: web.Request) -> web.Response:
    body = await json_body(request)
    references = references_in(body)
    if references:
        check_may_work(request)
    document = await asyncio.to_thread(exported_document, body)

    def work(report: Report, cancellation: Cancellation) -> Any:
        here = workspace().watched(report, cancellation)
        portable = portable_of(document, references, here)
        value = portable.to_json()
        if portable.document.image is not None:
            key = f"{portable.image_suffix[1:]}_base64"
            value[key] = base64.b64encode(portable.document.image).decode("ascii")
        return value

    return await run(work, body)


async def _convert(request: web.Request) -> web.Response:
    body = await json_body(request)
    types, nodes = names_in(body, "types"), names_in(body, "nodes")

    def work() -> dict[str, Any]:
        presets = all_presets(host.system_user_directory() / "presets")
        names = [host_name(name) for name in host.lora_names()]
        conversion = convert(
            document_of(body), names=names, presets=presets, types=types, nodes=nodes
        )
        return conversion.to_json()

    return web.json_response(await asyncio.to_thread(work))


async def _block_weights(request: web.Request) -> web.Response:
    text = (await json_body(request)).get("text")
    if not isinstance(text, str) or len(text) > MAX_BLOCKS:
        raise InvalidInputError(
            f"text must be block weights of at most {MAX_BLOCKS} characters.",
            hint='Send {"text": "IN04=0.5"}.',
        )
    return web.json_response({"text": await asyncio.to_thread(with_content, text)})


async def _blocks(request: web.Request) -> web.Response:
    return web.json_response(await asyncio.to_thread(show_blocks, await json_body(request)))


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/status", _status),
    ("POST", "/plan", _plan),
    ("POST", "/install", _install),
    ("POST", "/export", _export),
    ("POST", "/convert", _convert),
    ("POST", "/block-weights", _block_weights),
    ("POST", "/blocks", _blocks),
)
