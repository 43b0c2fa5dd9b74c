"""`satchel run`: a workflow on a server that may not have its models yet, without a browser."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import (
    BadResponseError,
    CancelledError,
    InstallNotAllowedError,
    InvalidInputError,
    PromptRefusedError,
    SatchelError,
    UnavailableError,
)
from ..file_names import checked_name
from ..progress import Progress
from ..workflow.archives import Member
from ..workflow.documents import WorkflowDocument, read_file
from ..workflow.runnable import check_runnable
from ..workspace import Workspace
from .result import Command, Result
from .run_outputs import HERE, count_of, failure_of, models_of, object_in, plan_text, save
from .run_upload import models_to_send, offered_models, send_inputs, send_models, uploads_text
from .server import Server, ServerRefusal
from .terminal import plain, size_text

PREFIX = "/satchel/v1"
POLL_S = 0.25
REFUSED = 3
"""Exit status: it would need a permission that was not given."""


def run_graph(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Plans, installs and runs a workflow on a server, and saves what it made."""
    document = read_file(arguments.graph, arguments.lock)
    check_runnable(document)
    _check_output(arguments.output)
    server = Server(arguments.server, os.environ.get("SATCHEL_OPERATOR_TOKEN"))
    body = _body(document, include_optional=arguments.all)
    offer = {**body, "bundled": offered_models(document)}
    planned = _job(server, "/plan", offer, workspace)
    plan = object_in(planned, "plan")
    uploads = models_to_send(plan, document)
    sent = sum(member.size for member in uploads)
    text = "\n".join([plan_text(plan, sent), *uploads_text(document, uploads)])
    value: dict[str, Any] = {"plan": plan, "prompt_id": None, "outputs": []}
    lost = _lost(plan)
    if arguments.dry_run or lost:
        told = (*lost, *filter(None, [_told_by_server(planned)]))
        return Result(value, text, 0 if plan.get("ok") else 1, told)
    refusal = _refusal(planned, text, arguments)
    if refusal:
        return Result(value, text, REFUSED, (refusal,))
    told = ()
    if not plan.get("ok"):
        try:
            planned, told = _installed(server, body, document, uploads, workspace)
        except ServerRefusal as error:
            if error.server_code != InstallNotAllowedError.code:
                raise
            return Result(value, text, REFUSED, (f"{error} {error.hint}".strip(),))
        value["plan"] = object_in(planned, "plan")
        lost = _lost(value["plan"])
        if lost:
            return Result(value, text, 1, (*told, *lost))
    api = send_inputs(object_in(planned, "prompt"), document, server, workspace)
    prompt_id = _queue(server, api, planned.get("graph"))
    value["prompt_id"] = prompt_id
    entry = _wait(server, prompt_id, workspace)
    saved = save(server, entry, arguments.output)
    value["outputs"] = [str(path) for path in saved]
    failure = failure_of(entry)
    lines = [text, *(f"Wrote {plain(str(path))}." for path in saved)]
    complaints = (*told, failure) if failure else told
    return Result(value, "\n".join(lines), 1 if failure else 0, complaints)


# --- before anything happens -------------------------------------------------------------------


def _check_output(output: Path | None) -> None:
    if output is not None and output.exists() and not output.is_dir():
        raise InvalidInputError(f"{output} is no folder.", hint="Give a folder to --output.")


def _body(document: WorkflowDocument, *, include_optional: bool) -> dict[str, Any]:
    """The document for the server's routes; a bundle's models are too large for JSON."""
    body: dict[str, Any] = {"name": document.name, "include_optional": include_optional}
    extra = {"extra_pnginfo": {"workflow": document.ui}} if document.ui is not None else {}
    body["json"] = {"prompt": document.api, "extra_data": extra}
    if document.lock is not None:
        body["lock"] = document.lock.to_json()
    return body


def _lost(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence for each model that is needed and cannot be had."""
    return tuple(
        f"{model.get('name')} ({model.get('state')}): {model.get('reason')}"
        for model in models_of(plan)
        if model.get("state") not in HERE and not model.get("fetch") and not model.get("optional")
    )


def _told_by_server(planned: Mapping[str, Any]) -> str:
    """Why the server would refuse to install all this; empty when it would not."""
    error = planned.get("refusal")
    if not isinstance(error, dict):
        return ""
    return f"{error.get('message')} {error.get('hint') or ''}".strip()


def _refusal(planned: Mapping[str, Any], text: str, arguments: argparse.Namespace) -> str:
    """Why nothing may be fetched; empty when it may, or when nothing has to be."""
    plan = object_in(planned, "plan")
    if plan.get("ok"):
        return ""
    size = count_of(plan.get("bytes_to_fetch"))
    if arguments.max_bytes is not None and size > arguments.max_bytes:
        return (
            f"{size_text(size)} would be brought to the server, more than the"
            f" {size_text(arguments.max_bytes)} of --max-bytes."
        )
    if told := _told_by_server(planned):
        return told
    if not plan.get("installable"):
        free = size_text(count_of(plan.get("bytes_free")))
        return f"{size_text(size)} would be brought to the server, which has {free} free."
    if arguments.yes or _agreed(plan, text, size):
        return ""
    return f"{size_text(size)} would be brought to the server: say yes with --yes."


def _agreed(plan: Mapping[str, Any], text: str, size: int) -> bool:
    """What a person at the terminal says; nobody there means no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    count = sum(bool(model.get("fetch")) for model in models_of(plan))
    print(text, file=sys.stderr)
    sys.stderr.write(f"Bring {count} files ({size_text(size)}) to the server? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


# --- on the server ------------------------------------------------------------------------------


def _installed(
    server: Server,
    body: dict[str, Any],
    document: WorkflowDocument,
    uploads: Sequence[Member],
    workspace: Workspace,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The server's answer, after uploading what has to be, and what there is to tell.

    Where it does not take the bundle, the sources may do; where they do not, nothing is fetched.
    """
    if not uploads:
        return _job(server, "/install", body, workspace), ()
    try:
        upload = send_models(document, uploads, server, workspace)
    except ServerRefusal as error:
        if error.server_code == InstallNotAllowedError.code:
            raise
        reason: SatchelError = error
    except UnavailableError as error:
        reason = error
    else:
        sent = {key: body[key] for key in body if key != "json"}
        return _job(server, "/install", {**sent, "upload": upload}, workspace), ()
    told = (
        f"The models in {document.name} could not be uploaded: {reason} {reason.hint}".strip(),
        "Their sources are tried instead.",
    )
    planned = _job(server, "/plan", body, workspace)
    if not _lost(object_in(planned, "plan")):
        planned = _job(server, "/install", body, workspace)
    return planned, told


def _job(
    server: Server, route: str, body: Mapping[str, Any], workspace: Workspace
) -> dict[str, Any]:
    """The result of work on the server; an interruption here stops it there."""
    started = server.post(PREFIX + route, {**body, "wait": False})
    job_id = started.get("job") if isinstance(started, dict) else None
    if not isinstance(job_id, str):
        raise BadResponseError(
            "The server did not say what it called its work.",
            hint="Update Satchel on the server, and check that the address is its own.",
        )
    path = f"{PREFIX}/jobs/{checked_name(job_id)}"
    try:
        while True:
            job = server.get(path)
            state = job.get("state") if isinstance(job, dict) else None
            if state != "running":
                break
            _tell(job.get("progress"), workspace)
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        with suppress(SatchelError):
            server.post(f"{path}/cancel", {})
        raise
    if state == "cancelled":
        raise CancelledError("Somebody stopped the work on the server.", hint="Run it again.")
    if state != "done":
        error = job.get("error") if isinstance(job, dict) else None
        raise ServerRefusal(error if isinstance(error, dict) else {}, 500)
    return object_in(job, "result")


def _tell(progress: Any, workspace: Workspace) -> None:
    if isinstance(progress, dict):
        with suppress(TypeError):
            workspace.report(Progress(**progress))


def _queue(server: Server, api: Mapping[str, Any], ui: Any) -> str:
    extra = {"extra_pnginfo": {"workflow": ui}} if isinstance(ui, dict) else {}
    try:
        answer = server.post("/prompt", {"prompt": api, "extra_data": extra})
    except ServerRefusal as error:
        if "node_errors" not in error.details:
            raise
        nodes = error.details["node_errors"]
        named = f" Nodes: {', '.join(map(str, nodes))}." if nodes else ""
        raise PromptRefusedError(
            f"ComfyUI does not take the graph: {str(error).rstrip('.')}.{named}",
            hint="Check that its node packs are on the server.",
            **error.details,
        ) from error
    prompt_id = answer.get("prompt_id") if isinstance(answer, dict) else None
    if not isinstance(prompt_id, str):
        raise BadResponseError(
            "The server did not say what it called the run.",
            hint="Update Satchel on the server, and check that the address is its own.",
        )
    return checked_name(prompt_id)


def _wait(server: Server, prompt_id: str, workspace: Workspace) -> dict[str, Any]:
    """The run's entry in the server's history, once it is over."""
    absent = 0
    try:
        while True:
            history = server.get(f"/history/{prompt_id}")
            entry = history.get(prompt_id) if isinstance(history, dict) else None
            if isinstance(entry, dict):
                return entry
            position = _position(server.get("/queue"), prompt_id)
            absent = absent + 1 if position is None else 0
            if absent > 8:  # between queue and history it is in neither for a moment
                raise BadResponseError(
                    "The run is gone from the server's queue.",
                    hint="Somebody removed it, or ComfyUI was restarted.",
                )
            told = f"behind {position} others" if position else "for the run to end"
            workspace.report(Progress("waiting", told))
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        with suppress(SatchelError):
            server.post("/queue", {"delete": [prompt_id]})
        with suppress(SatchelError):
            server.post("/interrupt", {"prompt_id": prompt_id})
        raise


def _position(queue: Any, prompt_id: str) -> int | None:
    """How many runs are before ours; None when it is in no queue."""
    running, pending = _numbers(queue, "queue_running"), _numbers(queue, "queue_pending")
    if prompt_id in running:
        return 0
    if prompt_id not in pending:
        return None
    before = [number for number in pending.values() if number < pending[prompt_id]]
    return len(running) + len(before)


def _numbers(queue: Any, key: str) -> dict[str, float]:
    """Id of each run in one of the queues -> its number."""
    items = queue.get(key) if isinstance(queue, dict) else None
    return {
        str(item[1]): float(item[0])
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, list) and len(item) > 1 and isinstance(item[0], int | float)
    }


COMMANDS: Mapping[str, Command] = {"run": run_graph}
