"""`satchel queue`: look at the download queue, change it, and work through it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..downloads import DownloadQueue, QueueEntry, QueueLimits
from ..downloads.queue_values import ACTIVE
from ..errors import InvalidInputError
from ..progress import Progress
from ..queueing import clean_leftovers, enqueue, make_runner
from ..references import parse_reference
from ..workspace import Workspace
from .result import Command, Result
from .terminal import size_text, table

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}


def run_queue(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Carries out one action."""
    return _ACTIONS[arguments.action or "list"](arguments, workspace)


def _list(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    return _listing(workspace.queue())


def _add(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    model = workspace.resolver().resolve(parse_reference(arguments.reference), arguments.to)
    entry = enqueue(model, workspace, priority=arguments.priority)
    return Result(entry.to_json(), f"{entry.id}: {model.name} is in the queue.")


def _run(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    def watch(entry: QueueEntry) -> None:
        workspace.report(Progress("downloading", entry.model.name, entry.done, entry.total or 0))

    make_runner(workspace, watch).run_until_idle(workspace.cancellation)
    result = _listing(workspace.queue())
    entries = workspace.queue().entries()
    left = [entry for entry in entries if entry.state in ACTIVE and entry.state != "paused"]
    return replace(result, status=int(bool(left)))


def _each(
    change: Callable[[DownloadQueue, int], QueueEntry],
) -> Command:
    def run(arguments: argparse.Namespace, workspace: Workspace) -> Result:
        queue = workspace.queue()
        for entry_id in arguments.ids:
            change(queue, entry_id)
        return _listing(queue)

    return run


def _move(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    workspace.queue().move(arguments.id, arguments.before)
    return _listing(workspace.queue())


def _priority(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    workspace.queue().prioritize(arguments.id, arguments.priority)
    return _listing(workspace.queue())


def _limits(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    queue = workspace.queue()
    given = {
        name: getattr(arguments, name)
        for name in ("total", "per_host", "connections")
        if getattr(arguments, name) is not None
    }
    if arguments.bandwidth is not None:
        given["bytes_per_s"] = _rate(arguments.bandwidth)
    limits = replace(queue.limits, **given)
    if given:
        limits = queue.set_limits(limits)
    return Result(limits.to_json(), _limits_text(limits))


def _clear(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    count = workspace.queue().clear()
    return Result({"forgotten": count}, f"Forgot {count} entries; their files stay.")


def _clean(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    freed = clean_leftovers(workspace)
    return Result({"freed": freed}, f"Deleted unfinished files of {size_text(freed)}.")


_ACTIONS: Mapping[str, Command] = {
    "list": _list,
    "add": _add,
    "run": _run,
    "pause": _each(DownloadQueue.pause),
    "resume": _each(DownloadQueue.resume),
    "cancel": _each(DownloadQueue.cancel),
    "move": _move,
    "priority": _priority,
    "limits": _limits,
    "clear": _clear,
    "clean": _clean,
}

COMMANDS: Mapping[str, Command] = {"queue": run_queue}


def _listing(queue: DownloadQueue) -> Result:
    entries = queue.entries()
    value = [entry.to_json() for entry in entries]
    if not entries:
        return Result(value, "The queue is empty.")
    rows = [
        (str(entry.id), entry.state, _progress(entry), _about(entry), entry.model.name)
        for entry in entries
    ]
    return Result(value, table(rows))


def _progress(entry: QueueEntry) -> str:
    return f"{size_text(entry.done)} of {size_text(entry.total)}"


def _about(entry: QueueEntry) -> str:
    if entry.state == "running" and entry.seconds_left is not None:
        return f"{size_text(round(entry.bytes_per_s))}/s, {_duration(entry.seconds_left)} left"
    if entry.error and entry.state in ("queued", "failed"):
        again = "; it is tried again" if entry.state == "queued" else ""
        return f"{str(entry.error.get('message', '')).rstrip('.')}{again}."
    return entry.note


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _limits_text(limits: QueueLimits) -> str:
    rate = f"{size_text(limits.bytes_per_s)}/s" if limits.bytes_per_s else "none"
    rows: list[tuple[str, Any]] = [
        ("files at once", limits.total),
        ("files at once from one host", limits.per_host),
        ("connections for one file", limits.connections),
        ("bandwidth cap", rate),
    ]
    return table([(name, str(value)) for name, value in rows])


def _rate(text: str) -> int | None:
    """Bytes per second from `2M`, `500k`, `1000000` or `none`."""
    lower = text.strip().lower()
    if lower in ("none", "0"):
        return None
    number, factor = (lower[:-1], _UNITS[lower[-1]]) if lower[-1:] in _UNITS else (lower, 1)
    try:
        return round(float(number) * factor)
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"{text!r} is no rate.", hint="Write it like 2M, 500k or none."
        ) from None
