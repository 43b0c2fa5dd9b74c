"""Brings the one file that a reference means into its model folder: what `satchel get` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .downloads.publish import renamed_note
from .file_names import destination
from .folders import LocalModel
from .hashes import FileDigests
from .identity import ModelIdentity
from .references import Reference, UrlReference, to_text
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Obtained:
    """A file that is here now."""

    model: LocalModel
    digests: FileDigests
    fetched: bool
    """Whether it was not here before."""
    pinned: bool
    """Whether its SHA256 was published, and it was checked against that."""
    note: str = ""
    """A sentence, if its name was taken."""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.model.name,
            "directory": self.model.kind,
            "path": str(self.model.path),
            "sha256": self.digests.sha256,
            "size": self.digests.size,
            "fetched": self.fetched,
            "pinned": self.pinned,
            "note": self.note or None,
        }


def obtain(
    reference: Reference, kind: str | None, workspace: Workspace, *, pinned_only: bool = False
) -> Obtained:
    """Fetches a model, unless its bytes are here.

    A file without a published SHA256 is taken as it arrives: only for who named it. From then on
    its digest is known.

    Args:
        pinned_only: refuses such a file.

    Raises:
        ForbiddenFormatError, ForbiddenSizeError, UnsafePathError: it may not be installed here.
        SatchelError: as `Resolver.offered`, `Downloader.fetch` and `Downloader.fetch_unpinned`.
    """
    resolver = workspace.resolver()
    ask = resolver.resolve if pinned_only else resolver.offered
    offer = ask(reference, kind)
    target = destination(workspace.folders, offer.kind, offer.name)
    obtained = _here(offer, workspace) or _fetch(offer, target, workspace)
    _remember(reference, obtained, workspace)
    return obtained


def _here(offer: ModelIdentity, workspace: Workspace) -> Obtained | None:
    """The file, if its digest is known, or if it has the name that it would get."""
    if offer.sha256 is None:
        return None
    library = workspace.library()
    local = workspace.folders.find(offer.kind, offer.name)
    digests = library.digests(local) if local else None
    if digests is None or digests.sha256 != offer.sha256:
        local = library.find_by_digest(offer.kind, offer.sha256, offer.size)
        digests = library.digests(local) if local else None
    return Obtained(local, digests, False, True) if local and digests else None


def _fetch(offer: ModelIdentity, target: Path, workspace: Workspace) -> Obtained:
    workspace.settings.check_allowed(offer, unsized=True)
    workspace.settings.policy.check_total(offer.size or 0)
    downloader = workspace.downloader()
    if offer.sha256 is not None:
        path, digests = downloader.fetch(offer, target)
    else:
        path, digests = downloader.fetch_unpinned(offer.sources[0], target, size=offer.size)
    name = Path(offer.name).with_name(path.name).as_posix()
    model = LocalModel.at(offer.kind, name, path)
    workspace.catalog.remember(model, digests)
    note = renamed_note(path, target)
    return Obtained(model, digests, True, offer.sha256 is not None, note)


def _remember(reference: Reference, obtained: Obtained, workspace: Workspace) -> None:
    """So that the same reference finds the file without asking anybody."""
    if isinstance(reference, UrlReference) and urlsplit(reference.url).query:
        return  # nobody knows what it holds: it may be a secret
    workspace.catalog.references.put(to_text(reference), obtained.digests.sha256)
