"""Routes about bundles: one handed over by a browser, one made for it."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...satchel.downloads.space import check_space
from ...satchel.errors import ForbiddenSizeError, SatchelError, UnsupportedMediaTypeError
from ...satchel.file_names import portable_name
from ...satchel.progress import Cancellation, Report
from ...satchel.workflow.bundle import bundle_contents, write_bundle
from .. import host
from ..exchange import exchange
from ..workspace import workspace
from .documents import document_of, portable_of, references_in
from .serving import Handler, check_may_install, check_may_work, flag_in, json_body, run, text_in

MAX_UPLOAD_BYTES = 256 * 1024**3
"""Of one bundle, where the operator does not say less."""
PIECE_BYTES = 1024 * 1024
ZIP = "application/zip"


async def _upload(request: web.Request) -> web.Response:
    """Takes a bundle that is too large for JSON. No page of another site can send this type
    without the browser asking first."""
    check_may_install(request)
    if request.content_type != ZIP:
        raise UnsupportedMediaTypeError(
            f"This route takes {ZIP} only.", hint=f"Send the bundle's bytes as {ZIP}."
        )
    file_id, path = await asyncio.to_thread(exchange().new)
    allowed = workspace().settings.policy.max_total_bytes or MAX_UPLOAD_BYTES
    _check_size(request.content_length or 0, allowed)
    check_space(path.parent, request.content_length or 0)
    size = 0
    try:
        with path.open("xb") as file:
            async for piece in request.content.iter_chunked(PIECE_BYTES):
                size += len(piece)
                _check_size(size, allowed)
                check_space(path.parent, 0)
                await asyncio.to_thread(file.write, piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return web.json_response({"upload": file_id, "bytes": size})


def _check_size(size: int, allowed: int) -> None:
    if size > allowed:
        raise ForbiddenSizeError(
            f"The bundle has more than the {allowed:,} bytes that this machine takes.",
            hint="Its operator sets max_total_bytes in satchel.toml.",
            allowed=allowed,
        )


async def _bundle(request: web.Request) -> web.Response:
    body = await json_body(request)
    with_models, references = flag_in(body, "with_models"), references_in(body)
    if with_models or references:
        check_may_work(request)
    document = await asyncio.to_thread(document_of, body)
    name = portable_name(text_in(body, "name", default="workflow").replace("/", "_"))

    def work(report: Report, cancellation: Cancellation) -> Any:
        here = workspace().watched(report, cancellation)
        portable = portable_of(document, references, here)
        contents = bundle_contents(
            name, portable, here, inputs=host.input_directory(), with_models=with_models
        )
        file_id, path = exchange().new()
        try:
            write_bundle(path, contents, here)
        except OSError as error:
            raise SatchelError(
                f"The bundle cannot be written: {error.strerror or error}.",
                hint="Check the disk, and that the models are still there.",
            ) from error
        return {
            "file": file_id,
            "bytes": path.stat().st_size,
            "entries": sorted({*contents.texts, *contents.files}),
            "left_out": contents.left_out,
            **portable.to_json(),
        }

    return await run(work, body)


async def _file(request: web.Request) -> web.StreamResponse:
    path = await asyncio.to_thread(exchange().find, request.match_info["id"])
    headers = {"Content-Type": ZIP, "Content-Disposition": "attachment",
               "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}  # fmt: skip
    return web.FileResponse(path, headers=headers)


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/uploads", _upload),
    ("POST", "/bundle", _bundle),
    ("GET", "/bundle/{id}", _file),
)
