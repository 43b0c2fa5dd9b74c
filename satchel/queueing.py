"""What a workspace does with the download queue: fill it, and work through it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .downloads import Downloader, QueueEntry, QueueRunner, TransferLimits
from .downloads.housekeeping import delete_stale, order_of, stale_files
from .downloads.queue_values import ACTIVE
from .file_names import destination
from .folders import LocalModel
from .hashes import FileDigests
from .identity import ModelIdentity
from .progress import Cancellation, Report
from .settings import Settings
from .workspace import Workspace


def enqueue(model: ModelIdentity, workspace: Workspace, *, priority: int = 0) -> QueueEntry:
    """Appends a model to the queue, for its kind's folder.

    Raises:
        ForbiddenFormatError, ForbiddenSizeError, UnsafePathError: it may not be installed here, or
            not beside all that waits.
        InvalidInputError: it has no source that may be kept.
    """
    workspace.settings.check_allowed(model, unsized=True)
    target = destination(workspace.folders, model.kind, model.name)
    queue = workspace.queue()
    waiting = {(entry.model.sha256, entry.destination.parent): entry.model.size or 0
               for entry in queue.entries() if entry.state in ACTIVE}  # fmt: skip
    waiting[model.sha256, target.parent] = model.size or 0
    workspace.settings.policy.check_total(sum(waiting.values()))
    return queue.add(model, target, priority=priority)


def make_runner(
    workspace: Workspace,
    watch: Callable[[QueueEntry], None] = lambda entry: None,
    settings: Callable[[], Settings] | None = None,
) -> QueueRunner:
    """A runner that fetches through the workspace and tells its catalog what has arrived.

    Args:
        settings: read for each download, for a process that outlives a change of tokens.
    """

    def downloader(
        report: Report, cancellation: Cancellation, limits: TransferLimits
    ) -> Downloader:
        current = replace(workspace, settings=settings()) if settings else workspace
        return replace(current.watched(report, cancellation).downloader(), limits=limits)

    def arrived(entry: QueueEntry, digests: FileDigests) -> None:
        assert entry.path is not None
        status = entry.path.stat()
        # The destination lies at the model's name below its root; a twin may have got a suffix.
        name = Path(entry.model.name).with_name(entry.path.name).as_posix()
        local = LocalModel(entry.model.kind, name, entry.path, status.st_size, status.st_mtime_ns)
        workspace.catalog.remember(local, digests)

    return QueueRunner(workspace.queue(), downloader, arrived=arrived, watch=watch)


def clean_leftovers(workspace: Workspace) -> int:
    """Deletes unfinished files that nothing has wanted for a while; returns the bytes freed."""
    wanted = [entry for entry in workspace.queue().entries() if entry.state in ACTIVE]
    keep = {order_of(entry.model, entry.destination).part for entry in wanted}
    roots = {root for roots in workspace.folders.roots.values() for root in roots}
    return delete_stale(stale_files(sorted(roots), keep=keep, now=time.time()))
