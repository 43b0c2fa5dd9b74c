"""ComfyUI's server: versions, routes, events, progress."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import comfy.model_management
import comfy.utils
import comfyui_version
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
