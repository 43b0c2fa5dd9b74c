"""HTTP routes under /satchel/v1: request -> core call -> JSON.

Everything that does work is a POST with a JSON body: a page of another site cannot send that
without the browser asking first.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import json
import logging
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web

from ..satchel import __version__
from ..satchel.catalog import Catalog
from ..satchel.errors import (
    InstallNotAllowedError,
    InvalidInputError,
    SatchelError,
    UnsupportedMediaTypeError,
)
from ..satchel.jobs import Job, Jobs, Work
from ..satchel.lora.presets import all_presets
from ..satchel.progress import Cancellation, Progress, Report
from ..satchel.settings import SOURCES, Settings
from ..satchel.workflow.author import build_lock
from ..satchel.workflow.convert import convert, convertible_types
from ..satchel.workflow.documents import WorkflowDocument, read_bytes, read_json
from ..satchel.workflow.export import export
from ..satchel.workflow.install import install
from ..satchel.workflow.plan import host_name, plan_document
from ..satchel.workflow.rewrite import rewrite
from ..satchel.workspace import Workspace
from . import host
from .block_editor import show_blocks
from .planning import with_content

log = logging.getLogger(__name__)

PREFIX = "/satchel/v1"
PROGRESS_EVENT = "satchel.progress"
MAX_BLOCKS = 100_000

Handler = Callable[[web.Request], Awaitable[web.Response]]

_jobs = Jobs()


def register_routes() -> None:
    """Adds the routes to the host's server."""
    host.add_route("GET", f"{PREFIX}/status", _guarded(_status))
    host.add_route("POST", f"{PREFIX}/plan", _guarded(_plan))
    host.add_route("POST", f"{PREFIX}/install", _guarded(_install))
    host.add_route("POST", f"{PREFIX}/export", _guarded(_export))
    host.add_route("POST", f"{PREFIX}/convert", _guarded(_convert))
    host.add_route("POST", f"{PREFIX}/block-weights", _guarded(_block_weights))
    host.add_route("POST", f"{PREFIX}/blocks", _guarded(_blocks))
    host.add_route("GET", f"{PREFIX}/jobs/{{id}}", _guarded(_job))
    host.add_route("POST", f"{PREFIX}/jobs/{{id}}/cancel", _guarded(_cancel_job))


def _guarded(handler: Handler) -> Handler:
    """The one place where errors become HTTP answers."""

    async def guarded(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except SatchelError as error:
            return _error_response(error)

    return guarded


async def _status(_: web.Request) -> web.Response:
    settings = Settings.from_environment()
    return web.json_response(
        {
            "version": __version__,
            "tokens": {kind: settings.source(kind).token is not None for kind in SOURCES},
            "folders": sorted(host.model_folders().roots),
            "lora_cache": host.lora_cache().counts(),
            "convertible": convertible_types(),
        }
    )


async def _plan(request: web.Request) -> web.Response:
    body = await _json_body(request)
    document = await asyncio.to_thread(_document, body)
    quick = body.get("quick") is True

    def work(report: Report, cancellation: Cancellation) -> Any:
        plan = plan_document(document, _workspace().watched(report, cancellation), quick=quick)
        rewritten, rewrites = rewrite(document, plan)
        return {
            "plan": plan.to_json(),
            "graph": rewritten.ui,
            "prompt": rewritten.api,
            "rewrites": [change.to_json() for change in rewrites],
        }

    return await _run(work, body)


async def _install(request: web.Request) -> web.Response:
    _check_may_install(request)
    body = await _json_body(request)
    document = await asyncio.to_thread(_document, body)

    def work(report: Report, cancellation: Cancellation) -> Any:
        workspace = _workspace().watched(report, cancellation)
        imported = install(document, plan_document(document, workspace), workspace)
        return imported.to_json()

    return await _run(work, body)


async def _export(request: web.Request) -> web.Response:
    body = await _json_body(request)
    document = await asyncio.to_thread(_document, body)

    def work(report: Report, cancellation: Cancellation) -> Any:
        workspace = _workspace().watched(report, cancellation)
        portable = export(document, build_lock(document, workspace, host.versions()))
        value = portable.to_json()
        if portable.document.image is not None:
            value["png_base64"] = base64.b64encode(portable.document.image).decode("ascii")
        return value

    return await _run(work, body)


async def _convert(request: web.Request) -> web.Response:
    body = await _json_body(request)
    types, nodes = _names(body, "types"), _names(body, "nodes")

    def work() -> dict[str, Any]:
        presets = all_presets(host.system_user_directory() / "presets")
        names = [host_name(name) for name in host.lora_names()]
        conversion = convert(
            _document(body), names=names, presets=presets, types=types, nodes=nodes
        )
        return conversion.to_json()

    return web.json_response(await asyncio.to_thread(work))


def _names(body: dict[str, Any], key: str) -> list[str] | None:
    """A list of texts from a body, if it has one.

    Raises:
        InvalidInputError: it is something else.
    """
    value = body.get(key)
    if value is not None and not (
        isinstance(value, list) and all(isinstance(name, str) for name in value)
    ):
        raise InvalidInputError(
            f"What stands under {key} is no list of texts.",
            hint=f'Leave {key} out, or send something like "{key}": ["..."].',
        )
    return value


async def _block_weights(request: web.Request) -> web.Response:
    text = (await _json_body(request)).get("text")
    if not isinstance(text, str) or len(text) > MAX_BLOCKS:
        raise InvalidInputError(
            f"text must be block weights of at most {MAX_BLOCKS} characters.",
            hint='Send {"text": "IN04=0.5"}.',
        )
    return web.json_response({"text": await asyncio.to_thread(with_content, text)})


async def _blocks(request: web.Request) -> web.Response:
    body = await _json_body(request)
    return web.json_response(await asyncio.to_thread(show_blocks, body))


async def _job(request: web.Request) -> web.Response:
    return web.json_response(_jobs.get(request.match_info["id"]).to_json())


async def _cancel_job(request: web.Request) -> web.Response:
    await _json_body(request)
    job = _jobs.get(request.match_info["id"])
    job.cancellation.cancel()
    return web.json_response({"id": job.id, "state": job.state})


async def _run(work: Work, body: dict[str, Any]) -> web.Response:
    """Runs work off the event loop; a client may wait for it or get the job's id at once."""
    client_id = body.get("client_id")

    def watch(job: Job, progress: Progress) -> None:
        event = {"job": job.id, **progress.to_json()}
        host.send_event(PROGRESS_EVENT, event, client_id if isinstance(client_id, str) else None)

    job = _jobs.start(work, _throttled(watch))
    if body.get("wait") is False:
        return web.json_response({"job": job.id}, status=202)
    try:
        # Looking now and then holds no thread, however many clients wait.
        while not job.finished.is_set():
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        job.cancellation.cancel()  # nobody waits for it any more
        raise
    if job.error is not None:
        return _error_response(job.error)
    return web.json_response(job.result)


def _throttled(watch: Callable[[Job, Progress], None]) -> Callable[[Job, Progress], None]:
    """Ten events a second are enough for a progress bar, and spare the websocket."""
    clock = asyncio.get_running_loop().time
    last_sent = [0.0]

    def throttled(job: Job, progress: Progress) -> None:
        now = clock()
        if progress.state in ("done", "failed") or now - last_sent[0] > 0.1:
            last_sent[0] = now
            watch(job, progress)

    return throttled


async def _json_body(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise UnsupportedMediaTypeError(
            "This route takes application/json only.",
            hint="Send the body as JSON with a Content-Type of application/json.",
        )
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"The body is no JSON: {error}.", hint='Send {"json": {...}} or {"base64": "..."}.'
        ) from error
    if not isinstance(body, dict):
        raise InvalidInputError("The body must be a JSON object.", hint='Send {"json": {...}}.')
    return body


def _document(body: dict[str, Any]) -> WorkflowDocument:
    name = body.get("name") if isinstance(body.get("name"), str) else "workflow"
    if "base64" in body:
        try:
            content = base64.b64decode(str(body["base64"]), validate=True)
        except (binascii.Error, ValueError) as error:
            raise InvalidInputError(
                "The text under base64 is not valid Base64.",
                hint="Send a PNG or JSON file's bytes in standard Base64, without line breaks.",
            ) from error
        document = read_bytes(content, str(name))
    elif "json" in body:
        document = read_json(body["json"], str(name))
    else:
        raise InvalidInputError(
            "The body names no workflow.",
            hint='Send the graph as {"json": {...}} or a file as {"base64": "..."}.',
        )
    if body.get("lock") is not None:
        document = document.with_lock(read_json(body["lock"], "lock").lock)
    return document


def _check_may_install(request: web.Request) -> None:
    """Only this machine may fill its disk, unless its operator says otherwise.

    Raises:
        InstallNotAllowedError: the client is elsewhere.
    """
    if Settings.from_environment().allow_remote_install:
        return
    peer = request.transport.get_extra_info("peername") if request.transport else None
    address = str(peer[0]) if peer else ""
    try:
        local = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return  # a unix socket: only processes of this machine reach it
    mapped = getattr(local, "ipv4_mapped", None) or local
    if not mapped.is_loopback:
        raise InstallNotAllowedError(
            "Models can be installed only from the machine that ComfyUI runs on.",
            hint="Its operator can allow others with SATCHEL_ALLOW_REMOTE_INSTALL=1.",
        )


def _workspace() -> Workspace:
    catalog = _catalog(host.system_user_directory() / "catalog.sqlite3")
    return Workspace(Settings.from_environment(), host.model_folders(), catalog)


@cache
def _catalog(path: Path) -> Catalog:
    """One per server: its tables and pages are checked once, not at every request."""
    return Catalog(path)


def _error_response(error: SatchelError) -> web.Response:
    return web.json_response({"error": error.to_json()}, status=error.http_status)
