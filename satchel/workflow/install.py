"""The recipient's second step: carry out a plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import CancelledError, FileFormatError, HashMismatchError, SatchelError
from ..folders import LocalModel
from ..hashes import FileDigests
from ..progress import Progress
from ..workspace import Workspace
from .bundle_models import unpack_model
from .documents import WorkflowDocument
from .planned import Plan, PlannedModel
from .rewrite import Rewrite, rewrite


@dataclass(frozen=True, slots=True)
class Installed:
    """One file that was brought here."""

    kind: str
    name: str
    sha256: str
    bytes: int

    def to_json(self) -> dict[str, Any]:
        return {
            "directory": self.kind,
            "name": self.name,
            "sha256": self.sha256,
            "bytes": self.bytes,
        }


@dataclass(frozen=True, slots=True)
class Imported:
    """A workflow whose models are here, under the names that they have here."""

    document: WorkflowDocument
    plan: Plan
    """The plan after installing."""
    installed: tuple[Installed, ...]
    rewrites: tuple[Rewrite, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "plan": self.plan.to_json(),
            "installed": [entry.to_json() for entry in self.installed],
            "graph": self.document.ui,
            "prompt": self.document.api,
            "rewrites": [entry.to_json() for entry in self.rewrites],
        }


def install(
    document: WorkflowDocument,
    plan: Plan,
    workspace: Workspace,
    *,
    only: Collection[tuple[str, str]] | None = None,
) -> Imported:
    """Fetches what a plan says is missing, then rewrites the graph to local names.

    One model that fails does not stop the others: they are kept, and the next run goes on.

    Args:
        only: (directory, name) of the models to fetch; the others stay as they are planned.

    Raises:
        ForbiddenSizeError: it is more than the operator allows; nothing is fetched.
        SatchelError: the first failure, with all of them under `details["failed"]`.
    """
    wanted = _chosen(plan, only)
    workspace.settings.policy.check_total(wanted.bytes_to_fetch)
    entries: list[PlannedModel] = []
    installed: list[Installed] = []
    failures: list[tuple[PlannedModel, SatchelError]] = []
    fetched: dict[tuple[str, str | None], LocalModel] = {}
    total = len(wanted.to_fetch)
    for planned, before in zip(wanted.models, plan.models, strict=True):
        if planned.target is None:
            entries.append(before)
            continue
        twin = fetched.get(planned.bytes_key)
        if twin is not None:
            entries.append(replace(planned, state="renamed", local=twin, target=None, reason=""))
            continue
        try:
            counted = _counted(workspace, len(installed), total)
            local, digests = _bring(planned, document, counted)
        except CancelledError:
            raise
        except SatchelError as error:
            failures.append((planned, error))
            continue
        entries.append(replace(planned, state="present", local=local, target=None, reason=""))
        fetched[planned.bytes_key] = local
        installed.append(Installed(local.kind, local.name, digests.sha256, digests.size))
    if failures:
        raise _first_of(failures)
    after = replace(plan, models=tuple(entries))
    rewritten, rewrites = rewrite(document, after)
    return Imported(rewritten, after, tuple(installed), tuple(rewrites))


def _chosen(plan: Plan, only: Collection[tuple[str, str]] | None) -> Plan:
    if only is None:
        return plan
    models = tuple(
        entry if entry.model.key in only else replace(entry, target=None) for entry in plan.models
    )
    return replace(plan, models=models)


def _bring(
    planned: PlannedModel, document: WorkflowDocument, workspace: Workspace
) -> tuple[LocalModel, FileDigests]:
    """Takes a model out of the bundle, if it is in there with the right bytes; else fetches it."""
    assert planned.target is not None
    identity = planned.model.identity
    if planned.bundled is not None and document.bundle is not None:
        try:
            path, digests = unpack_model(
                document.bundle, planned.bundled, identity, planned.target, workspace
            )
            return _remembered(planned, path, digests, workspace)
        except (FileFormatError, HashMismatchError):
            if not identity.sources:
                raise
    path, digests = workspace.downloader().fetch(identity, planned.target)
    return _remembered(planned, path, digests, workspace)


def _remembered(
    planned: PlannedModel, path: Path, digests: FileDigests, workspace: Workspace
) -> tuple[LocalModel, FileDigests]:
    identity = planned.model.identity
    status = path.stat()
    # The target lies at the model's name below its root; a twin may have got a suffix.
    parts = Path(identity.name).parts
    name = Path(*parts[:-1], path.name).as_posix()
    local = LocalModel(identity.kind, name, path, status.st_size, status.st_mtime_ns)
    workspace.catalog.remember(local, digests)
    return local, digests


def _counted(workspace: Workspace, done: int, total: int) -> Workspace:
    """The workspace with a progress that says which of how many files it is about."""

    def report(progress: Progress) -> None:
        workspace.report(replace(progress, files_done=done, files_total=total))

    return workspace.watched(report)


def _first_of(failures: Sequence[tuple[PlannedModel, SatchelError]]) -> SatchelError:
    listed = [
        {"name": planned.model.identity.name, **error.to_json()} for planned, error in failures
    ]
    _, first = failures[0]
    first.details["failed"] = listed
    return first
