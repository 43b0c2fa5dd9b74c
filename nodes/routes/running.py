"""`POST /satchel/v1/run`: plan, install, rewrite and queue in one request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import web

from ...satchel.errors import ModelsMissingError, PromptRefusedError
from ...satchel.progress import Cancellation, Report
from ...satchel.workflow.bundle_inputs import place_inputs
from ...satchel.workflow.install import Imported, install
from ...satchel.workflow.plan import plan_document
from ...satchel.workflow.runnable import check_runnable
from .. import host
from ..workspace import workspace
from .documents import document_of
from .serving import Handler, install_refusal, json_body, run


async def _run(request: web.Request) -> web.Response:
    body = await json_body(request)
    document = await asyncio.to_thread(document_of, body)
    check_runnable(document)
    refusal = install_refusal(request)
    include_optional = body.get("include_optional") is True
    loop = asyncio.get_running_loop()

    def work(report: Report, cancellation: Cancellation) -> Any:
        here = workspace().watched(report, cancellation)
        plan = plan_document(document, here, include_optional=include_optional)
        if plan.to_fetch and refusal is not None:
            raise refusal
        imported = install(document, plan, here)
        if not imported.plan.ok:
            raise _models_missing(imported)
        ready = replace(imported, document=place_inputs(imported.document, host.input_directory()))
        queued = asyncio.run_coroutine_threadsafe(_queue(ready, body), loop)
        return {**imported.to_json(), **queued.result()}

    return await run(work, body)


def _models_missing(imported: Imported) -> ModelsMissingError:
    absent = [entry for entry in imported.plan.models if entry.wanted and not entry.here]
    names = ", ".join(entry.model.identity.name for entry in absent[:5])
    return ModelsMissingError(
        f"{len(absent)} of the workflow's models are not here: {names}.",
        hint=absent[0].reason or "POST the workflow to /plan to see why.",
        plan=imported.plan.to_json(),
    )


async def _queue(imported: Imported, body: dict[str, Any]) -> dict[str, Any]:
    """Queues the graph as the host's own route does."""
    prompt: dict[str, Any] = {"prompt": imported.document.api}
    if imported.document.ui is not None:
        prompt["extra_data"] = {"extra_pnginfo": {"workflow": imported.document.ui}}
    for key in ("client_id", "prompt_id"):
        if isinstance(body.get(key), str):
            prompt[key] = body[key]
    status, answer = await host.queue_prompt(prompt)
    if status != 200:
        error = answer.get("error")
        told = error.get("message") if isinstance(error, dict) else None
        raise PromptRefusedError(
            f"ComfyUI does not take the graph: {str(told or 'no reason given').rstrip('.')}.",
            hint="details.node_errors says which node, and why.",
            error=error,
            node_errors=answer.get("node_errors"),
        )
    return {key: answer.get(key) for key in ("prompt_id", "number", "node_errors")}


ROUTES: tuple[tuple[str, str, Handler], ...] = (("POST", "/run", _run),)
