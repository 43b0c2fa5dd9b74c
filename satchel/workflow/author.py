"""The author's first step: pin every model of a workflow by its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from ..folders import LocalModel
from ..identity import ModelIdentity, Source
from ..library import Library
from ..progress import Progress
from ..workspace import Workspace
from .addresses import NOT_HERE, with_addresses
from .collect import KeyIndex, NamedModel, named_models, with_hints
from .documents import WorkflowDocument
from .lock import UNKNOWN_KIND, Lock, LockedModel
from .node_pack import NodePack
from .node_packs import named_packs
from .notes import hints_in
from .published import learn_records, with_facts
from .scrub import is_whole_path, with_public_sources

NOT_HASHED = "It is here, but was not hashed yet."


def build_lock(
    document: WorkflowDocument,
    workspace: Workspace,
    host: Mapping[str, str] | None = None,
    packs: Mapping[str, NodePack] | None = None,
) -> Lock:
    """Pins every model that a workflow names: hashes files, asks marketplaces by hash.

    Models that are not here keep what the document's own lock says; the rest are listed with the
    reason why they could not be pinned, never dropped. So is what only a newer release knows.

    Args:
        host: versions of the programs here; those of an earlier lock if not given.
        packs: the installed node packs by node type, where that is known.

    Raises:
        CancelledError: the workspace's work was cancelled.
    """
    library = workspace.library()
    named = named_models(document)
    earlier = EarlierModels(document)
    models: list[LockedModel] = []
    embedded: dict[tuple[str, str], Mapping[str, Any]] = {}
    located = [locate(model, library) for model in named]
    library.look_up(files[0] for files in located if len(files) == 1)
    for index, (model, files) in enumerate(zip(named, located, strict=True)):
        workspace.report(Progress("hashing", model.name, 0, 0, index, len(named)))
        models.append(pin(model, files, library, earlier))
        embedded.setdefault(models[-1].key, model.embedded)
    models = _with_sources(merged(models), workspace)
    models = with_addresses(models, embedded, workspace)
    return lock_of(document, with_facts(models, workspace.catalog), host, packs)


def lock_of(
    document: WorkflowDocument,
    models: Iterable[LockedModel],
    host: Mapping[str, str] | None,
    packs: Mapping[str, NodePack] | None,
) -> Lock:
    """The lock of pinned models, with what an earlier one knows beside them."""
    before = document.lock or Lock(())
    return Lock(
        tuple(with_hints(models, hints_in(document))),
        dict(before.host if host is None else host),
        named_packs(document, packs or {}, before.node_packs),
        before.more,
    )


class EarlierModels:
    """What a document's own lock says, by directory and name."""

    def __init__(self, document: WorkflowDocument) -> None:
        models = document.lock.models if document.lock else ()
        self.by_key = {model.key: model for model in models}
        self._index = KeyIndex(self.by_key)

    def find(self, model: NamedModel) -> LockedModel | None:
        """The entry for a graph's name; one of unknown kind has to be unambiguous there."""
        key = self._index.find(model.kind, model.name, bare=model.bare)
        return self.by_key[key] if key is not None else None


def pin(
    model: NamedModel,
    candidates: Sequence[LocalModel],
    library: Library,
    earlier: EarlierModels,
) -> LockedModel:
    """A lock's entry for a name that a graph has.

    Args:
        candidates: the files here that it could mean.
        earlier: an earlier lock's entries.
    """
    used_by = tuple(model.used_by)
    if is_whole_path(model.name):
        identity = ModelIdentity(model.kind or UNKNOWN_KIND, PurePosixPath(model.name).name)
        return LockedModel(
            identity, used_by, "The workflow names it by its whole path, which only exists here."
        )
    if len(candidates) != 1:
        known = earlier.find(model)
        if known is not None:
            identity = with_public_sources(known.identity)
            return replace(known, identity=identity, used_by=used_by, needed=model.needed)
        reason = (
            "Several files here have this name, in different folders." if candidates else NOT_HERE
        )
        identity = ModelIdentity(model.kind or UNKNOWN_KIND, model.name)
        return LockedModel(identity, used_by, reason, needed=model.needed)
    local = candidates[0]
    digests = library.digests(local)
    name = local.name if model.bare else model.name
    if digests is None:
        identity = ModelIdentity(local.kind, name, size=local.size)
        return LockedModel(identity, used_by, NOT_HASHED, needed=model.needed)
    identity = ModelIdentity(local.kind, name, digests.sha256, digests.size, digests.autov3)
    known = earlier.by_key.get((local.kind, name))
    if known is None or known.identity.sha256 not in (None, digests.sha256):
        return LockedModel(identity, used_by, needed=model.needed)
    if known.identity.sha256 is not None:
        # Sources that the first author knew stay, whoever exports again.
        identity = replace(identity, sources=with_public_sources(known.identity).sources)
    return LockedModel(
        identity, used_by, needed=model.needed, facts=known.facts, more=known.more
    )  # fmt: skip


def locate(model: NamedModel, library: Library) -> list[LocalModel]:
    """The files here that the name could mean; a loader's name means one at most."""
    if model.kind is None:
        return library.find_by_file_name(model.name)
    if model.bare:
        return library.find_by_bare_name(model.kind, model.name)
    local = library.folders.find(model.kind, model.name)
    return [local] if local is not None else []


def merged(models: Iterable[LockedModel]) -> list[LockedModel]:
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
    resolver = workspace.resolver()
    found = resolver.look_up(wanted, mirrors=False)
    if not found.failures:
        learn_records(wanted, resolver, workspace.catalog)
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
