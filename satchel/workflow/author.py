"""The author's first step: pin every model of a workflow by its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from ..folders import LocalModel
from ..identity import ModelIdentity, Source
from ..library import Library
from ..progress import Progress
from ..workspace import Workspace
from .collect import KeyIndex, NamedModel, named_models, with_hints
from .documents import WorkflowDocument
from .lock import UNKNOWN_KIND, Lock, LockedModel
from .notes import hints_in
from .scrub import is_whole_path, with_public_sources


def build_lock(
    document: WorkflowDocument, workspace: Workspace, host: Mapping[str, str] | None = None
) -> Lock:
    """Pins every model that a workflow names: hashes files, asks marketplaces by hash.

    Models that are not here keep what the document's own lock says; the rest are listed with the
    reason why they could not be pinned, never dropped.

    Raises:
        CancelledError: the workspace's work was cancelled.
    """
    library = workspace.library()
    earlier = {model.key: model for model in document.lock.models} if document.lock else {}
    known_before = KeyIndex(earlier)
    named = named_models(document)
    library.look_up(local for model in named for local in _locate(model, library))
    models: list[LockedModel] = []
    for index, model in enumerate(named):
        workspace.report(Progress("hashing", model.name, 0, 0, index, len(named)))
        models.append(_pin(model, library, earlier, known_before))
    if host is None:
        host = document.lock.host if document.lock else {}
    models = _with_sources(_merged(models), workspace)
    return Lock(tuple(with_hints(models, hints_in(document))), dict(host))


def _pin(
    model: NamedModel,
    library: Library,
    earlier: Mapping[tuple[str, str], LockedModel],
    index: KeyIndex,
) -> LockedModel:
    used_by = tuple(model.used_by)
    if is_whole_path(model.name):
        identity = ModelIdentity(model.kind or UNKNOWN_KIND, PurePosixPath(model.name).name)
        return LockedModel(
            identity, used_by, "The workflow names it by its whole path, which only exists here."
        )
    candidates = _locate(model, library)
    if len(candidates) != 1:
        # An entry of the earlier lock; a name of unknown kind has to be unambiguous there.
        key = index.find(model.kind, model.name, bare=model.bare)
        if key is not None:
            known = earlier[key]
            identity = with_public_sources(known.identity)
            return replace(known, identity=identity, used_by=used_by, needed=model.needed)
        reason = (
            "Several files here have this name, in different folders."
            if candidates
            else "It is not on this machine, so it was not hashed."
        )
        identity = ModelIdentity(model.kind or UNKNOWN_KIND, model.name)
        return LockedModel(identity, used_by, reason, needed=model.needed)
    local = candidates[0]
    digests = library.digests(local)
    assert digests is not None, "a library that may hash always knows"
    name = local.name if model.bare else model.name
    identity = ModelIdentity(local.kind, name, digests.sha256, digests.size, digests.autov3)
    before = earlier.get((local.kind, name))
    if before is not None and before.identity.sha256 == digests.sha256:
        # Sources that the first author knew stay, whoever exports again.
        identity = replace(identity, sources=with_public_sources(before.identity).sources)
    return LockedModel(identity, used_by, needed=model.needed)


def _locate(model: NamedModel, library: Library) -> list[LocalModel]:
    """The files here that the name could mean; a loader's name means one at most."""
    if model.kind is None:
        return library.find_by_file_name(model.name)
    if model.bare:
        return library.find_by_bare_name(model.kind, model.name)
    local = library.folders.find(model.kind, model.name)
    return [local] if local is not None else []


def _merged(models: Iterable[LockedModel]) -> list[LockedModel]:
    """One entry per directory and name: a custom node may name what a loader names too."""
    merged: dict[tuple[str, str], LockedModel] = {}
    for model in models:
        first = merged.get(model.key)
        if first is None:
            merged[model.key] = model
        else:
            nodes = dict.fromkeys((*first.used_by, *model.used_by))
            pinned = first if first.identity.sha256 is not None else model
            needed = first.needed or model.needed
            merged[model.key] = replace(pinned, used_by=tuple(nodes), needed=needed)
    return list(merged.values())


def _with_sources(models: list[LockedModel], workspace: Workspace) -> list[LockedModel]:
    wanted = [m.identity.sha256 for m in models if m.identity.sha256 and not m.identity.sources]
    if not wanted:
        return models
    workspace.report(Progress("resolving", "", 0, 0, 0, len(wanted)))
    reason = "No marketplace knows this file by its SHA256."
    found = workspace.resolver().look_up(wanted, mirrors=False)
    if found.failures:
        reason = f"It could not be looked up: {found.failures[0]}"
    return [_with_found(model, found.sources, reason) for model in models]


def _with_found(
    model: LockedModel, found: Mapping[str, tuple[Source, ...]], reason: str
) -> LockedModel:
    identity = model.identity
    if identity.sha256 is None or identity.sources:
        return model
    sources = found.get(identity.sha256, ())
    found_sources = replace(identity, sources=sources)
    return replace(model, identity=found_sources, reason="" if sources else reason)
