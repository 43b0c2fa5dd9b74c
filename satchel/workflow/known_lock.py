"""The lock of a graph from what is known already: no file is read, and nobody is asked.

It is made while somebody waits for a queued graph, so it looks into the catalog and at the files'
sizes and times, and lists what is not known yet as not pinned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..catalog import Catalog
from ..folders import LocalModel, posix_name, without_extension
from ..library import Library
from ..workspace import Workspace
from .author import EarlierModels, lock_of, merged, pin
from .collect import NamedModel, named_models
from .documents import WorkflowDocument
from .lock import Lock, LockedModel
from .node_pack import NodePack
from .published import known_sources, with_facts


def known_lock(
    document: WorkflowDocument,
    workspace: Workspace,
    host: Mapping[str, str] | None = None,
    packs: Mapping[str, NodePack] | None = None,
) -> tuple[Lock, list[LocalModel]]:
    """A document's lock, and the files here that are to be hashed before it can be whole.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    library = workspace.library(may_hash=False)
    named = named_models(document)
    located = [_locate(model, library, workspace.catalog) for model in named]
    library.look_up(files[0] for files in located if len(files) == 1)
    earlier = EarlierModels(document)
    models = merged(
        pin(model, files, library, earlier) for model, files in zip(named, located, strict=True)
    )
    models = with_facts(_with_sources(models, workspace.catalog), workspace.catalog)
    unknown = [
        files[0] for files in located if len(files) == 1 and library.digests(files[0]) is None
    ]
    return lock_of(document, models, host, packs), unknown


def _with_sources(models: list[LockedModel], catalog: Catalog) -> list[LockedModel]:
    wanted = [m.identity.sha256 for m in models if m.identity.sha256 and not m.identity.sources]
    known = known_sources(wanted, catalog)
    return [
        replace(model, identity=replace(model.identity, sources=known[model.identity.sha256]))
        if not model.identity.sources and model.identity.sha256 in known
        else model
        for model in models
    ]


def _locate(model: NamedModel, library: Library, catalog: Catalog) -> list[LocalModel]:
    """As `author.locate`, but without walking through folders: the catalog knows their names."""
    folders = library.folders
    if model.kind is not None and not model.bare:
        local = folders.find(model.kind, model.name)
        return [local] if local is not None else []
    wanted = posix_name(model.name)
    rows = catalog.files.with_name(wanted)
    if model.bare:
        rows += catalog.files.with_stem(wanted.rpartition("/")[2])
        rows = [row for row in rows if row.kind == model.kind]
        exact = [row for row in rows if wanted in (row.name, without_extension(row.name))]
        rows = exact or rows
    found = {
        (local.kind, local.name): local
        for row in rows
        if (local := folders.find(row.kind, row.name)) is not None
    }
    return list(found.values())
