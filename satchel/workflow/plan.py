"""The recipient's first step: decide, for every model, what has to happen. Nothing is touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from ..errors import SatchelError
from ..file_names import check_format, checked_name, destination
from ..folders import LocalModel
from ..identity import ModelIdentity, Source
from ..library import Library
from ..marketplaces.base import Availability
from ..marketplaces.resolver import Resolver
from ..marketplaces.url_policy import UrlPolicy
from ..progress import Progress
from ..settings import Settings
from ..transfer import SPARE_BYTES
from ..workspace import Workspace
from .collect import locked_models
from .documents import WorkflowDocument
from .lock import UNKNOWN_KIND, LockedModel

PlanState = Literal["present", "renamed", "missing", "login", "gone", "refused"]


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model and what would happen to it."""

    model: LockedModel
    state: PlanState
    local: LocalModel | None = None
    """The file here that will be used."""
    reason: str = ""
    """One sentence, when the state alone does not say enough."""
    target: Path | None = None
    """Where it would be installed; only for `missing` models that can be fetched."""

    @property
    def bytes_key(self) -> tuple[str, str | None]:
        """What two entries share when one file serves both: directory and SHA256."""
        return self.model.identity.kind, self.model.identity.sha256

    def to_json(self) -> dict[str, Any]:
        identity = self.model.identity
        return {
            "name": identity.name,
            "directory": identity.kind,
            "state": self.state,
            "local": host_name(self.local.name) if self.local else None,
            "source": _host_of(identity.sources[0].url) if identity.sources else None,
            "bytes": self.local.size if self.local else identity.size,
            "sha256": identity.sha256,
            "fetch": self.target is not None,
            "reason": self.reason or None,
            "used_by": list(self.model.used_by),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What importing a workflow would do."""

    models: tuple[PlannedModel, ...]
    bytes_free: int
    """Free space where the models would go."""

    @property
    def to_fetch(self) -> list[PlannedModel]:
        """The files to fetch: bytes that are wanted under two names come once."""
        files: dict[tuple[str, str | None], PlannedModel] = {}
        for planned in self.models:
            if planned.target is not None:
                files.setdefault(planned.bytes_key, planned)
        return list(files.values())

    @property
    def bytes_to_fetch(self) -> int:
        return sum(planned.model.identity.size or 0 for planned in self.to_fetch)

    @property
    def ok(self) -> bool:
        """Whether every model is here, if perhaps under another name."""
        return all(planned.state in ("present", "renamed") for planned in self.models)

    @property
    def installable(self) -> bool:
        """Whether there is something to fetch, and room for it."""
        fits = self.bytes_to_fetch + SPARE_BYTES <= self.bytes_free
        return bool(self.to_fetch) and fits

    def to_json(self) -> dict[str, Any]:
        return {
            "models": [planned.to_json() for planned in self.models],
            "bytes_to_fetch": self.bytes_to_fetch,
            "bytes_free": self.bytes_free,
            "ok": self.ok,
            "installable": self.installable,
        }


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def host_name(name: str) -> str:
    """A model's name as the host's lists on this system spell it."""
    return name.replace("/", os.sep)


def plan_document(document: WorkflowDocument, workspace: Workspace, *, quick: bool = False) -> Plan:
    """Decides what importing a workflow would do.

    Args:
        quick: reads no file and asks no marketplace: a file with the right name and size counts
            as present, and a renamed one is found only if its digest is already known.
    """
    library = workspace.library(may_hash=not quick)
    models = locked_models(document)
    planned = []
    for index, model in enumerate(models):
        workspace.report(Progress("hashing", model.identity.name, 0, 0, index, len(models)))
        planned.append(_find_here(model, library))
    absent = [index for index, entry in enumerate(planned) if entry is None]
    decided = _plan_absent([models[index] for index in absent], workspace, quick=quick)
    by_index = dict(zip(absent, decided, strict=True))
    entries = tuple(entry or by_index[index] for index, entry in enumerate(planned))
    return Plan(entries, _free_bytes(entries, workspace))


def _find_here(model: LockedModel, library: Library) -> PlannedModel | None:
    """The model's file on this machine: by name and bytes, else by bytes alone."""
    identity = model.identity
    if identity.kind == UNKNOWN_KIND:
        return _find_anywhere(model, library)
    local = library.folders.find(identity.kind, identity.name)
    if local is None and not PurePosixPath(identity.name).suffix:
        named = library.find_by_bare_name(identity.kind, identity.name)
        local = named[0] if len(named) == 1 else None
    if identity.sha256 is None:
        if local is None:
            return None
        reason = "It is here by name; the workflow does not say which bytes it needs."
        return PlannedModel(model, "present", local, reason)
    if local is not None and _same_bytes(local, identity, library):
        return PlannedModel(model, "present", local)
    elsewhere = library.find_by_digest(identity.kind, identity.sha256, identity.size)
    return PlannedModel(model, "renamed", elsewhere) if elsewhere else None


def _find_anywhere(model: LockedModel, library: Library) -> PlannedModel | None:
    """The file of a model that only a node of another pack names, in whichever folder it is."""
    identity = model.identity
    matches = library.find_by_file_name(identity.name)
    exact = [local for local in matches if local.name == identity.name]
    matches = exact or matches
    if identity.sha256 is not None:
        matches = [local for local in matches if _same_bytes(local, identity, library)]
    if not matches:
        return None
    if len(matches) > 1:
        return PlannedModel(model, "present", None, "Several files here have this name.")
    state: PlanState = "present" if exact else "renamed"
    return PlannedModel(model, state, matches[0], "Only its name is known, not its folder.")


def _same_bytes(local: LocalModel, identity: ModelIdentity, library: Library) -> bool:
    if identity.size is not None and local.size != identity.size:
        return False
    digests = library.digests(local)
    return digests is None or digests.sha256 == identity.sha256


def _plan_absent(
    models: Sequence[LockedModel], workspace: Workspace, *, quick: bool
) -> list[PlannedModel]:
    """States of models that are not here: policy first, then what the marketplaces say."""
    resolver = workspace.resolver()
    checked = [_checked(model, workspace, resolver) for model in models]
    if quick:
        return checked
    checked = _with_fresh_sources(checked, resolver)
    open_ended = [index for index, planned in enumerate(checked) if planned.target is not None]
    if open_ended:
        workspace.report(Progress("resolving", "", 0, 0, 0, len(open_ended)))
        identities = [checked[index].model.identity for index in open_ended]
        answers = resolver.availability(identities)
        for index, answer in zip(open_ended, answers, strict=True):
            checked[index] = _with_availability(checked[index], answer)
    return _with_mirrors(checked, workspace, resolver)


def _checked(model: LockedModel, workspace: Workspace, resolver: Resolver) -> PlannedModel:
    """`missing` with a target, or `refused` by what this machine allows."""
    identity, settings = model.identity, workspace.settings
    try:
        checked_name(identity.name)
        if identity.kind == UNKNOWN_KIND:
            reason = "Nothing tells which folder it belongs to, and no file here has its name."
            return PlannedModel(model, "missing", reason=reason)
        target = destination(workspace.folders, identity.kind, identity.name)
        check_format(identity.name, allow_pickle=settings.allow_pickle)
        model, refusal = _with_allowed_sources(model, settings, resolver)
    except SatchelError as error:
        return PlannedModel(model, "refused", reason=f"{error} {error.hint}".strip())
    if identity.sha256 is None:
        reason = refusal or model.reason or "The workflow does not say which bytes it needs."
        return PlannedModel(model, "refused" if refusal else "missing", reason=reason)
    if refusal:
        return PlannedModel(model, "refused", reason=refusal)
    taken = workspace.folders.find(identity.kind, identity.name) is not None
    reason = "A file of that name is here, with other bytes; it will be kept." if taken else ""
    return PlannedModel(model, "missing", target=target, reason=reason)


def _with_allowed_sources(
    model: LockedModel, settings: Settings, resolver: Resolver
) -> tuple[LockedModel, str]:
    """The model without sources that may not be opened; a sentence if none of several is left."""
    allowed, refusal = [], ""
    for source in model.identity.sources:
        try:
            resolver.marketplace(source.kind)
            UrlPolicy.of_source(source.kind, settings).check(source.url)
        except SatchelError as error:
            refusal = f"{error} {error.hint}".strip()
        else:
            allowed.append(source)
    if not model.identity.sources or allowed:
        refusal = ""
    identity = replace(model.identity, sources=tuple(allowed) or model.identity.sources)
    return replace(model, identity=identity), refusal


def _with_fresh_sources(planned: list[PlannedModel], resolver: Resolver) -> list[PlannedModel]:
    """Asks the marketplaces, by hash and in one batch, about models without a source."""
    asked = {
        entry.model.identity.sha256: None
        for entry in planned
        if entry.target is not None and not _has_address(entry.model.identity)
    }
    wanted = [sha256 for sha256 in asked if sha256 is not None]
    if not wanted:
        return planned
    looked_up = resolver.look_up(wanted)
    reason = "No source is known for it, and no marketplace knows its SHA256."
    if looked_up.failures:
        failure = looked_up.failures[0]
        reason = f"No source is known for it, and it could not be looked up: {failure}"
    found = looked_up.sources
    result = []
    for entry in planned:
        identity = entry.model.identity
        if entry.target is None or _has_address(identity) or identity.sha256 is None:
            result.append(entry)
        elif sources := found.get(identity.sha256, ()):
            model = replace(entry.model, identity=replace(identity, sources=sources))
            result.append(replace(entry, model=model))
        else:
            result.append(replace(entry, target=None, reason=reason))
    return result


def _has_address(identity: ModelIdentity) -> bool:
    """Whether some source says where the file is, and not only the page of its model."""
    return any(one.kind != "civitai" or one.version_id is not None for one in identity.sources)


def _with_mirrors(
    planned: list[PlannedModel], workspace: Workspace, resolver: Resolver
) -> list[PlannedModel]:
    """Looks elsewhere for models that their own sources do not serve any more."""
    gone = [entry.model.identity.sha256 for entry in planned if entry.state == "gone"]
    mirrors = resolver.mirrors([sha256 for sha256 in gone if sha256 is not None])
    return [
        _with_mirror(entry, mirrors.get(entry.model.identity.sha256 or "", ()), workspace, resolver)
        if entry.state == "gone"
        else entry
        for entry in planned
    ]


def _with_mirror(
    entry: PlannedModel, mirrors: Sequence[Source], workspace: Workspace, resolver: Resolver
) -> PlannedModel:
    if not mirrors:
        return entry
    identity = replace(entry.model.identity, sources=tuple(mirrors))
    again = _checked(replace(entry.model, identity=identity), workspace, resolver)
    if again.target is None:
        return entry
    (answer,) = resolver.availability([again.model.identity])
    found = _with_availability(again, answer)
    if found.target is None:
        return entry
    return replace(found, reason=f"{entry.reason} A mirror has it.")


def _with_availability(planned: PlannedModel, answer: Availability) -> PlannedModel:
    if answer.access == "open":
        return planned
    if answer.access == "unknown":  # silence is no refusal: trying may work
        return replace(planned, reason=answer.reason)
    return replace(planned, state=answer.access, reason=answer.reason, target=None)


def _free_bytes(planned: Sequence[PlannedModel], workspace: Workspace) -> int:
    """Least free space among the folders that would receive files."""
    targets = [entry.target.parent for entry in planned if entry.target is not None]
    if not targets:
        targets = [roots[0] for roots in list(workspace.folders.roots.values())[:1]]
    return min((shutil.disk_usage(_existing(folder)).free for folder in targets), default=0)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest parent that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
