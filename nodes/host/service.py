"""ComfyUI's server: versions, routes, events, progress."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.utils
import comfyui_version
import folder_paths
from comfy.cli_args import args
from comfy_execution.utils import get_executing_context
from server import PromptServer


def versions() -> dict[str, str]:
    """Versions of ComfyUI and its frontend, as far as they are known."""
    found = {"comfyui": comfyui_version.__version__}
    with suppress(PackageNotFoundError):
        found["frontend"] = version("comfyui-frontend-package")
    return found


def add_route(method: str, path: str, handler: Any) -> None:
    """Adds a route to the host's server, which serves it under /api, too."""
    PromptServer.instance.routes.route(method, path)(handler)


def send_event(event: str, data: dict[str, Any], client_id: str | None = None) -> None:
    """Sends a websocket event to one client, or to all; safe from any thread."""
    PromptServer.instance.send_sync(event, data, client_id)


def node_progress(total: int) -> Callable[[], None]:
    """A function to call after each step: moves the running node's progress bar."""
    bar = comfy.utils.ProgressBar(total)
    return lambda: bar.update(1)


def node_bytes() -> Callable[[int, int], None]:
    """A function to call with (done, total) bytes: moves the running node's progress bar, and
    ends the run by raising the host's own exception when the user has stopped it."""
    bar: comfy.utils.ProgressBar | None = None

    def tell(done: int, total: int) -> None:
        nonlocal bar
        comfy.model_management.throw_exception_if_processing_interrupted()
        if total:
            bar = bar or comfy.utils.ProgressBar(total)
            bar.update_absolute(done, total)

    return tell


def is_idle() -> bool:
    """Whether the server runs no prompt, and none waits."""
    return bool(PromptServer.instance.prompt_queue.get_tasks_remaining() == 0)


def running_node() -> str | None:
    """Id of the node that runs in this thread, in the graph; None outside of a run."""
    context = get_executing_context()
    return None if context is None else str(context.node_id)


class _Posted:
    """As much of a request as the host's own route for prompts looks at."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body
        self.headers: dict[str, str] = {}

    async def json(self) -> dict[str, Any]:
        return self._body


async def queue_prompt(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Queues a graph through the host's own POST /prompt: its handlers, checks and answers.

    Returns its status and JSON. To be awaited on the server's loop.
    """
    handler = next(
        route.handler
        for route in PromptServer.instance.routes
        if (route.method, route.path) == ("POST", "/prompt")
    )
    response = await handler(_Posted(body))
    return response.status, json.loads(response.body)


def add_prompt_handler(handler: Callable[[Any], Any]) -> None:
    """Lets a function see and change what is posted to `/prompt`, before the host checks it."""
    PromptServer.instance.add_on_prompt_handler(handler)


def writes_metadata() -> bool:
    """False when the server was started with `--disable-metadata`."""
    return not args.disable_metadata


def user_setting(name: str) -> Any:
    """A setting of the one user; None when it is not set, or the server has several users.

    What is queued does not say whose it is.
    """
    if args.multi_user:
        return None
    path = Path(folder_paths.get_user_directory()) / "default" / "comfy.settings.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return settings.get(name) if isinstance(settings, dict) else None


def workflow_folder() -> Path | None:
    """Where the one user's workflows are saved; None when the server has several users."""
    if args.multi_user:
        return None
    return Path(folder_paths.get_user_directory()) / "default" / "workflows"


def output_path(prefix: str, width: int, height: int) -> tuple[Path, str, int, str]:
    """(folder, file name, counter, subfolder) for new files in the output folder.

    The host refuses prefixes that lead out of it.
    """
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), width, height
    )
    return Path(folder), name, counter, subfolder
