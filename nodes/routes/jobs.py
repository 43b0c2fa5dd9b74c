"""Routes about jobs: how far long work has come, and how to end it."""

from __future__ import annotations

from aiohttp import web

from .serving import Handler, jobs, json_body


async def _job(request: web.Request) -> web.Response:
    return web.json_response(jobs.get(request.match_info["id"]).to_json())


async def _cancel_job(request: web.Request) -> web.Response:
    await json_body(request)
    job = jobs.get(request.match_info["id"])
    job.cancellation.cancel()
    return web.json_response({"id": job.id, "state": job.state})


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/jobs/{id}", _job),
    ("POST", "/jobs/{id}/cancel", _cancel_job),
)
