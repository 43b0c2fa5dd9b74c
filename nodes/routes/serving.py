"""What all routes share: bodies in, JSON out, errors translated, long work as jobs, who may.

Everything that does work is a POST with a JSON body: a page of another site cannot send that
without the browser asking first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ...satchel import untrusted_json
from ...satchel.errors import (
    InstallNotAllowedError,
    InvalidInputError,
    SatchelError,
    UnsupportedMediaTypeError,
)
from ...satchel.folders import LEGACY_KINDS
from ...satchel.inventory import check_kinds
from ...satchel.jobs import Job, Jobs, Work
from ...satchel.progress import Progress
from .. import host
from ..access import check_client
from ..workspace import workspace

PREFIX = "/satchel/v1"
PROGRESS_EVENT = "satchel.progress"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_MAX_COUNT = 2**53 - 1

jobs = Jobs()


def guarded(handler: Handler) -> Handler:
    """The one place where errors become HTTP answers."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except SatchelError as error:
            return _error_response(error)

    return guarded


async def run(work: Work, body: dict[str, Any]) -> web.Response:
    """Runs work off the event loop; a client may wait for it or get the job's id at once."""
    client_id = body.get("client_id")

    def watch(job: Job, progress: Progress) -> None:
        event = {"job": job.id, **progress.to_json()}
        host.send_event(PROGRESS_EVENT, event, client_id if isinstance(client_id, str) else None)

    job = jobs.start(work, _throttled(watch))
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


async def json_body(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        raise UnsupportedMediaTypeError(
            "This route takes application/json only.",
            hint="Send the body as JSON with a Content-Type of application/json.",
        )
    try:
        body = await asyncio.to_thread(untrusted_json.loads, await request.read())
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(
            f"The body is no JSON: {error}.", hint='Send {"json": {...}} or {"base64": "..."}.'
        ) from error
    if not isinstance(body, dict):
        raise InvalidInputError("The body must be a JSON object.", hint='Send {"json": {...}}.')
    return body


def names_in(body: dict[str, Any], key: str) -> list[str] | None:
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


def check_may_install(request: web.Request) -> None:
    """Only those whom the operator lets may fill this machine's disk.

    Raises:
        InstallNotAllowedError: this client may not.
    """
    check_client(workspace().settings.policy, _peer(request), request.headers)


def install_refusal(request: web.Request) -> InstallNotAllowedError | None:
    """Why this client may not install; it may still plan, and run what needs nothing."""
    try:
        check_may_install(request)
    except InstallNotAllowedError as error:
        return error
    return None


def check_may_work(request: web.Request) -> None:
    """The same for what asks marketplaces in this server's name, hashes its disk, or changes its
    queue or its tokens.

    Raises:
        InstallNotAllowedError: this client may not.
    """
    try:
        check_may_install(request)
    except InstallNotAllowedError as error:
        raise InstallNotAllowedError(
            "This can be asked for only from the machine that ComfyUI runs on.", hint=error.hint
        ) from error


def _peer(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if peer else ""


def _error_response(error: SatchelError) -> web.Response:
    return web.json_response({"error": error.to_json()}, status=error.http_status)


def text_in(body: dict[str, Any], key: str, *, default: str | None = None) -> str:
    """A text from a body.

    Raises:
        InvalidInputError: it is something else, or missing without a default.
    """
    value = body.get(key, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise InvalidInputError(
            f"What stands under {key} is no text.", hint=f'Send something like "{key}": "...".'
        )
    return value


def count_in(body: dict[str, Any], key: str, default: int | None = None, *, least: int = 0) -> int:
    """A whole number from a body.

    Raises:
        InvalidInputError: it is something else, too small, or missing without a default.
    """
    value = body.get(key, default)
    if type(value) is not int or not least <= value <= _MAX_COUNT:
        raise InvalidInputError(
            f"What stands under {key} is no whole number from {least} on.",
            hint=f'Send something like "{key}": {max(least, 1)}.',
        )
    return value


def flag_in(body: dict[str, Any], key: str) -> bool:
    """Whether something is switched on in a body; only `true` is.

    Raises:
        InvalidInputError: it is neither true nor false.
    """
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise InvalidInputError(
            f"What stands under {key} is neither true nor false.", hint=f'Send "{key}": true.'
        )
    return value


def kind_in(body: dict[str, Any], key: str = "kind") -> str | None:
    """The name of a model folder of this server from a body, if it has one.

    Raises:
        InvalidInputError: it is none.
    """
    if body.get(key) is None:
        return None
    kind = text_in(body, key)
    kind = LEGACY_KINDS.get(kind, kind)
    check_kinds([kind], workspace())
    return kind
