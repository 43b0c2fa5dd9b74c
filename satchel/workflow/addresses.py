"""The addresses that a graph gives for its models, as sources that go on serving the same bytes.

Graphs of the stock frontend name a branch of Hugging Face (`resolve/main`), which serves another
file as soon as somebody commits one. A commit does not change, so that is what a lock names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ForbiddenUrlError, InvalidInputError, MarketplaceError, UnavailableError
from ..identity import Source
from ..marketplaces.hub_files import file_url, place_of
from ..marketplaces.huggingface import HubFile, HuggingFace
from ..references import HubReference, parse_reference
from ..settings import SOURCES
from ..urls import without_secrets
from ..workspace import Workspace
from .collect import source_of_url
from .lock import Lock, LockedModel

HUB = "huggingface"
SITE = SOURCES[HUB].url
NOT_HERE = "It is not on this machine, so it was not hashed."
OTHER_FILE = "Its address on Hugging Face serves another file now."
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_PINNED = f"{HUB}/commits"
"""Under which name the catalog remembers pinned addresses."""

Entries = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Place:
    """A file on the Hub, at a branch or tag."""

    repository: str
    revision: str
    path: str

    def source(self, revision: str = "") -> Source:
        return Source(HUB, file_url(SITE, self.repository, revision or self.revision, self.path))

    def is_at(self, source: Source) -> bool:
        """Whether a source names the same file, at any revision."""
        known = _hub_place(source.url) if source.kind == HUB else None
        return known is not None and (known.repository, known.path) == (self.repository, self.path)


def with_addresses(
    models: Iterable[LockedModel], embedded: Entries, workspace: Workspace
) -> list[LockedModel]:
    """The models with what the graph says about where they are; whoever fetches compares bytes.

    A branch on Hugging Face becomes the commit that it stands for. Of a file that is not here, the
    Hub tells digest and size as well. Where nobody can be asked, the address stays as it is.

    Args:
        embedded: entries of `properties.models`, by directory and name.
    """
    models = list(models)
    asking = _Asking(workspace, (model.identity.sha256 for model in models))
    done = []
    for model in models:
        entry = embedded.get(model.key, {})
        place = _unpinned(model, entry)
        done.append(_with_url(model, entry) if place is None else _pinned(model, place, asking))
    asking.remember()
    return done


class _Asking:
    """The Hub, asked once for each file, and not again once it did not answer."""

    def __init__(self, workspace: Workspace, sha256s: Iterable[str | None]) -> None:
        self._workspace = workspace
        self._hub: HuggingFace | None = None
        self._is_reached = True
        self._known = workspace.catalog.sources(_PINNED, [s for s in sha256s if s])
        self._learned: dict[str, tuple[Source, ...]] = {}

    def file(self, place: _Place, sha256: str | None) -> HubFile | None:
        """The file at a branch; None where nobody can tell."""
        for source in self._known.get(sha256 or "", ()):
            known = _hub_place(source.url) if place.is_at(source) else None
            if known is not None:
                return HubFile(known.revision, sha256, None)
        if not self._is_reached:
            return None
        try:
            found = self._market().file_at(place.repository, place.revision, place.path)
        except (UnavailableError, ForbiddenUrlError):
            self._is_reached = False
            return None
        except MarketplaceError:
            return None
        if found.sha256:
            self._learned[found.sha256] = (place.source(found.commit),)
        return found

    def remember(self) -> None:
        if self._learned:
            self._workspace.catalog.remember_sources(_PINNED, self._learned)

    def _market(self) -> HuggingFace:
        if self._hub is None:
            market = self._workspace.resolver().marketplace(HUB)
            assert isinstance(market, HuggingFace)
            self._hub = market
        return self._hub


def _hub_place(url: str) -> _Place | None:
    try:
        return _Place(*place_of(url))
    except ForbiddenUrlError:
        return None


def _unpinned(model: LockedModel, entry: Mapping[str, Any]) -> _Place | None:
    """The address of a model that names a branch; None when there is none."""
    for source in model.identity.sources:
        known = _hub_place(source.url) if source.kind == HUB else None
        if known is not None and not _COMMIT.match(known.revision):
            return known
    url = _public(entry, model)
    try:
        reference = parse_reference(url) if url else None
    except InvalidInputError:
        return None
    if not isinstance(reference, HubReference) or reference.source != HUB or not reference.path:
        return None
    place = _Place(reference.repository, reference.revision or "main", reference.path)
    is_known = any(place.is_at(source) for source in model.identity.sources)
    return None if is_known or _COMMIT.match(place.revision) else place


def _pinned(model: LockedModel, place: _Place, asking: _Asking) -> LockedModel:
    identity = model.identity
    others = tuple(source for source in identity.sources if not place.is_at(source))
    if identity.sha256 is None and model.reason != NOT_HERE:
        return model  # which of the files here is meant is not known
    file = asking.file(place, identity.sha256)
    if file is None:
        unchanged = identity.sources or (place.source(),)
        reason = model.reason if identity.sha256 is None else ""
        return replace(model, identity=replace(identity, sources=unchanged), reason=reason)
    if identity.sha256 and file.sha256 not in (None, identity.sha256):
        reason = model.reason if others else OTHER_FILE
        return replace(model, identity=replace(identity, sources=others), reason=reason)
    sha256 = identity.sha256 or file.sha256
    size = identity.size if identity.size is not None else file.size
    sources = (*others, place.source(file.commit))
    identity = replace(identity, sha256=sha256, size=size, sources=sources)
    return replace(model, identity=identity, reason="" if sha256 else model.reason)


def _with_url(model: LockedModel, entry: Mapping[str, Any]) -> LockedModel:
    """A model that no marketplace has by its digest, with the address that the graph gives."""
    identity, public = model.identity, _public(entry, model)
    if not identity.sha256 or identity.sources or not public:
        return model
    return replace(model, identity=replace(identity, sources=(source_of_url(public),)), reason="")


def _public(entry: Mapping[str, Any], model: LockedModel) -> str:
    """The entry's address without secrets; empty if it has none, or means other bytes."""
    url, sha256 = entry.get("url"), model.identity.sha256
    claimed = str(entry.get("hash") or "").lower()
    if not isinstance(url, str) or (claimed and sha256 and claimed != sha256):
        return ""
    public = without_secrets(url)
    return public if public.startswith("https://") else ""


def notes_on(lock: Lock) -> list[str]:
    """A sentence for each address in a lock that may serve another file one day."""
    notes = []
    for model in lock.models:
        for source in model.identity.sources:
            known = _hub_place(source.url) if source.kind == HUB else None
            if known is not None and not _COMMIT.match(known.revision):
                notes.append(
                    f"{model.identity.name}: its address names {known.revision!r} of"
                    f" {known.repository}, which may serve another file one day: nobody could be"
                    " asked for its commit."
                )
    return notes
