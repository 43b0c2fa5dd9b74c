"""What a reference means on this machine alone: asks nobody, and hashes nothing."""

from __future__ import annotations

import re

from .errors import AmbiguousReferenceError
from .find import find
from .folders import LocalModel
from .references import (
    ArchiveReference,
    CivitaiReference,
    DigestReference,
    FileNameReference,
    HubReference,
    Reference,
    to_text,
)
from .workspace import Workspace

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


def find_referenced(reference: Reference, kind: str, workspace: Workspace) -> LocalModel | None:
    """The file of a kind that a reference means, as far as that is known here.

    A file's name is looked for among the names of the listing. Everything else is known by the
    bytes: by a digest that was computed here, by what marketplaces told earlier, or because the
    same reference was fetched before.

    Raises:
        AmbiguousReferenceError: several files are called that.
        CatalogError: the catalog cannot be used.
    """
    if isinstance(reference, FileNameReference):
        return find_named(kind, reference.name, workspace)
    library = workspace.library(may_hash=False)
    sha256 = workspace.catalog.references.get(to_text(reference))
    if sha256 is not None:
        local = library.find_by_digest(kind, sha256, None)
        if local is not None:
            return local
    if not isinstance(reference, DigestReference | CivitaiReference):
        return None
    found = find(to_text(reference), workspace.catalog, kinds=[kind])
    if found.how not in ("digest", "published"):
        return None
    return next((local for model in found.models if (local := _still(model, workspace))), None)


def find_named(kind: str, name: str, workspace: Workspace) -> LocalModel | None:
    """The file of a kind with a name, with or without its folders or its extension. It is looked
    for in the listing: the text itself never becomes a path.

    Raises:
        AmbiguousReferenceError: several files are called that.
    """
    found = workspace.library(may_hash=False).find_by_bare_name(kind, name)
    if len(found) > 1:
        names = [model.name for model in found]
        raise AmbiguousReferenceError(
            f"{len(found)} files are called {name}.",
            hint="Write one of: " + ", ".join(names[:5]) + ".",
            files=names,
        )
    return found[0] if found else None


def is_pinned(reference: Reference) -> bool:
    """Whether a reference means the same bytes for ever, whoever is asked and whenever."""
    match reference:
        case DigestReference():
            return reference.kinds[0] in ("SHA256", "BLAKE3")
        case CivitaiReference():
            return reference.version_id is not None
        case HubReference():
            commit = _COMMIT.match(reference.revision or "")
            return bool(commit and reference.path) and reference.source == "huggingface"
        case ArchiveReference():
            return reference.sha256 is not None
        case _:
            return False


def _still(model: LocalModel, workspace: Workspace) -> LocalModel | None:
    """The file as it is now, if it is in a model folder and has the bytes that were hashed."""
    local = workspace.folders.find(model.kind, model.name)
    if local is None or workspace.catalog.digests(local) is None:
        return None
    return local
