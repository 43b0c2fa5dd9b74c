"""Re-hashes what a workflow's lock pins, trusting nothing that was remembered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from ..folders import LocalModel
from ..hashes import hash_file
from ..workspace import Workspace
from .collect import locked_models
from .documents import WorkflowDocument
from .lock import LockedModel
from .planned import host_name

VerifyState = Literal["verified", "renamed", "differs", "missing", "unpinned"]


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """What a model's file is now, against what the lock says."""

    model: LockedModel
    state: VerifyState
    local: LocalModel | None = None
    actual: str | None = None

    def to_json(self) -> dict[str, Any]:
        identity = self.model.identity
        return {
            "name": identity.name,
            "directory": identity.kind,
            "state": self.state,
            "local": host_name(self.local.name) if self.local else None,
            "expected": identity.sha256,
            "actual": self.actual,
        }


def verify_document(document: WorkflowDocument, workspace: Workspace) -> list[VerifiedModel]:
    """Reads every pinned file whole; the catalog is corrected with what is found.

    Raises:
        CancelledError: the workspace's work was cancelled.
    """
    return [_verify(model, workspace) for model in locked_models(document)]


def _verify(model: LockedModel, workspace: Workspace) -> VerifiedModel:
    identity = model.identity
    local = workspace.folders.find(identity.kind, identity.name)
    if identity.sha256 is None:
        return VerifiedModel(model, "unpinned" if local else "missing", local)
    actual = _rehash(local, workspace) if local else None
    if actual == identity.sha256:
        return VerifiedModel(model, "verified", local, actual)
    elsewhere = workspace.library().find_by_digest(identity.kind, identity.sha256, identity.size)
    if elsewhere and _rehash(elsewhere, workspace) == identity.sha256:
        # In another folder below the same kind it is the same name, as in a plan.
        same_name = PurePosixPath(elsewhere.name).name == PurePosixPath(identity.name).name
        state: VerifyState = "verified" if same_name else "renamed"
        return VerifiedModel(model, state, elsewhere, identity.sha256)
    return VerifiedModel(model, "differs" if local else "missing", local, actual)


def _rehash(local: LocalModel, workspace: Workspace) -> str:
    digests = hash_file(local.path, report=workspace.report, cancellation=workspace.cancellation)
    workspace.catalog.remember(local, digests)
    return digests.sha256
