"""The recipient's first step: decide, for every model, what has to happen. Nothing is touched."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..errors import SatchelError
from ..file_names import checked_name, destination
from ..folders import LocalModel, posix_name, without_extension
from ..identity import ModelIdentity, Source
from ..library import Library
from ..marketplaces.base import Availability
from ..marketplaces.hosts import HOSTS
from ..marketplaces.resolver import Resolver
from ..marketplaces.url_policy import UrlPolicy
from ..progress import Progress
from ..settings import Settings
from ..workspace import Workspace
from .archives import Member
from .bundle_reader import bundled_model
from .collect import locked_models
from .documents import WorkflowDocument
from .lock import UNKNOWN_KIND, LockedModel
from .lock_facts import ModelFacts, model_facts
from .node_packs import plan_packs
from .planned import Plan, PlannedModel, PlanState

OPTIONAL = "Only nodes that do not run name it, so it is not needed."


def plan_document(
    document: WorkflowDocument,
    workspace: Workspace,
    *,
    quick: bool = False,
    include_optional: bool = False,
    offered: Mapping[str, Member] | None = None,
) -> Plan:
    """Decides what importing a workflow would do.

    Args:
        include_optional: wants models, too, that only muted, bypassed or overridden nodes name.
        quick: reads no file and asks no marketplace: a file with the right name and size counts
            as present, and a renamed one is found only if its digest is already known.
        offered: members of the document's bundle, where that is on another machine still.
    """
    library = workspace.library(may_hash=not quick)
    models = locked_models(document)
    planned = []
    for index, model in enumerate(models):
        workspace.report(Progress("hashing", model.identity.name, 0, 0, index, len(models)))
        planned.append(find_here(model, library))
    absent = [index for index, entry in enumerate(planned) if entry is None]
    absent_models = [models[index] for index in absent]
    members = document.bundle.members if document.bundle is not None else offered or {}
    decided = _plan_absent(absent_models, workspace, members, quick=quick)
    by_index = dict(zip(absent, decided, strict=True))
    facts = model_facts(document)
    entries = tuple(
        _for_people(entry or by_index[index], facts, include_optional=include_optional)
        for index, entry in enumerate(planned)
    )
    packs = plan_packs(document, workspace.custom_nodes)
    return Plan(entries, _free_bytes(entries, workspace), packs, document.notes)


def _for_people(
    entry: PlannedModel, facts: Mapping[tuple[str, str], ModelFacts], *, include_optional: bool
) -> PlannedModel:
    """The entry with what its lock tells, and without a target if nobody asked for it."""
    entry = replace(entry, facts=facts.get(entry.model.key, entry.facts))
    hints = entry.model.hints
    if hints and not entry.here and not entry.model.identity.sources:
        told = f"A note in the workflow says where it may be: {hints[0]}"
        entry = replace(entry, reason=f"{entry.reason} {told}".strip())
    if entry.model.needed or include_optional:
        return entry
    reason = entry.reason if entry.here else f"{OPTIONAL} {entry.reason}".strip()
    return replace(entry, wanted=False, target=None, reason=reason)


def find_here(model: LockedModel, library: Library) -> PlannedModel | None:
    """The model's file on this machine: by name and bytes, else by bytes alone.

    A file in another folder below the same kind is the same name: only folders differ.
    """
    identity = model.identity
    if identity.kind == UNKNOWN_KIND:
        return _find_anywhere(model, library)
    local = library.folders.find(identity.kind, identity.name)
    base = PurePosixPath(posix_name(identity.name)).name
    named = [local] if local else [
        found for found in library.find_by_bare_name(identity.kind, base)
        if _state_of(found, base) == "present"
    ]  # fmt: skip
    if identity.sha256 is None:
        return _by_name_alone(model, named)
    for candidate in named:
        if _same_bytes(candidate, identity, library):
            return PlannedModel(model, _state_of(candidate, base), candidate)
    elsewhere = library.find_by_digest(identity.kind, identity.sha256, identity.size)
    return PlannedModel(model, _state_of(elsewhere, base), elsewhere) if elsewhere else None


def _by_name_alone(model: LockedModel, named: Sequence[LocalModel]) -> PlannedModel | None:
    """Nobody pinned its bytes: one file of that name will do; of several, a person chooses."""
    size = model.identity.size
    fitting = [local for local in named if size is None or local.size == size]
    if len(fitting) > 1:
        reason = "Several files here have this name, in different folders: choose one in the graph."
        return PlannedModel(model, "missing", reason=reason)
    if not fitting:
        return None
    reason = "It is here by name; the workflow does not say which bytes it needs."
    return PlannedModel(model, "present", fitting[0], reason)


def _state_of(local: LocalModel, base: str) -> PlanState:
    """Whether a file has the name that the workflow says, whatever its folders."""
    name = PurePosixPath(local.name).name
    is_bare = without_extension(base) == base
    return "present" if base == name or (is_bare and base == without_extension(name)) else "renamed"


def _find_anywhere(model: LockedModel, library: Library) -> PlannedModel | None:
    """The file of a model that only a node of another pack names, in whichever folder it is."""
    identity = model.identity
    matches = library.find_by_file_name(PurePosixPath(posix_name(identity.name)).name)
    exact = [local for local in matches if local.name == identity.name]
    matches = exact or matches
    if identity.sha256 is not None:
        matches = [local for local in matches if _same_bytes(local, identity, library)]
    if not matches:
        return None
    if len(matches) > 1:
        return PlannedModel(model, "present", None, "Several files here have this name.")
    return PlannedModel(model, "present", matches[0], "Only its name is known, not its folder.")


def _same_bytes(local: LocalModel, identity: ModelIdentity, library: Library) -> bool:
    if identity.size is not None and local.size != identity.size:
        return False
    digests = library.digests(local)
    return digests is None or digests.sha256 == identity.sha256


def _plan_absent(
    models: Sequence[LockedModel],
    workspace: Workspace,
    bundle: Mapping[str, Member],
    *,
    quick: bool,
) -> list[PlannedModel]:
    """States of models that are not here: policy first, then what the marketplaces say."""
    resolver = workspace.resolver()
    checked = [_checked_with_bundle(model, workspace, resolver, bundle) for model in models]
    if quick:
        return checked
    checked = _with_fresh_sources(checked, resolver)
    open_ended = [
        index
        for index, planned in enumerate(checked)
        if planned.target is not None and planned.bundled is None
    ]
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
        settings.check_allowed(identity)
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


def _checked_with_bundle(
    model: LockedModel, workspace: Workspace, resolver: Resolver, bundle: Mapping[str, Member]
) -> PlannedModel:
    """As `_checked`, with the member of the bundle that may be it: then sources need not do."""
    identity = model.identity
    planned = _checked(model, workspace, resolver)
    member = bundled_model(bundle, identity.kind, posix_name(identity.name), identity.size)
    if member is not None and planned.state == "refused" and identity.sources:
        unsourced = replace(model, identity=replace(identity, sources=()))
        planned = _checked(unsourced, workspace, resolver)
    return replace(planned, bundled=member) if planned.target is not None else planned


def _with_allowed_sources(
    model: LockedModel, settings: Settings, resolver: Resolver
) -> tuple[LockedModel, str]:
    """The model without sources that may not be opened; a sentence if none of several is left."""
    allowed, refusal = [], ""
    for source in model.identity.sources:
        try:
            _check_source(source, settings, resolver)
        except SatchelError as error:
            refusal = f"{error} {error.hint}".strip()
        else:
            allowed.append(source)
    if not model.identity.sources or allowed:
        refusal = ""
    identity = replace(model.identity, sources=tuple(allowed) or model.identity.sources)
    return replace(model, identity=identity), refusal


def _check_source(source: Source, settings: Settings, resolver: Resolver) -> None:
    """Refuses an address for what is wrong with it, but a kind that nobody knows for that."""
    if source.kind not in (*HOSTS, "https"):
        resolver.marketplace(source.kind)
    UrlPolicy.of_source(source.kind, settings).check(source.url)
    resolver.marketplace(source.kind)


def _with_fresh_sources(planned: list[PlannedModel], resolver: Resolver) -> list[PlannedModel]:
    """Asks the marketplaces, by hash and in one batch, about models without a source."""
    asked = {
        entry.model.identity.sha256: None
        for entry in planned
        if entry.target is not None and not _has_address(entry.model.identity) and not entry.bundled
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
        settled = entry.target is None or entry.bundled is not None
        if settled or _has_address(identity) or identity.sha256 is None:
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
    if not gone:
        return planned
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
