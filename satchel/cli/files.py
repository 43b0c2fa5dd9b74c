"""Commands about the files that are here: scan, identify, find, updates."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..enrich import enrich
from ..errors import InvalidInputError
from ..examine import examine_all
from ..find import find as find_files
from ..folders import LocalModel
from ..hashes import ALL_KINDS, DEFAULT_KINDS
from ..identify import identify_file
from ..model_info import ModelInfo, model_info
from ..scan import Scan
from ..scan import scan as scan_folders
from ..sidecars import import_sidecars
from ..updates import Update, check_updates
from ..workspace import Workspace
from . import texts
from .result import Command, Result
from .terminal import size_text, table


def scan(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Lists model files."""
    scanned = _scanned(arguments.kinds, workspace)
    unread: list[LocalModel] = []
    if arguments.hash or arguments.look_up:
        unread = examine_all(
            scanned.models,
            workspace.catalog,
            report=workspace.report,
            cancellation=workspace.cancellation,
        )
    complaints = [f"{model.name} could not be read." for model in unread]
    if arguments.look_up:
        complaints += enrich(scanned.models, workspace).failures
    digests = workspace.catalog.files.digests(scanned.models)
    rows: list[tuple[str, ...]] = []
    values: list[dict[str, Any]] = []
    for model in scanned.models:
        known = digests.get(model)
        sha256, autov3 = (known.sha256, known.autov3) if known else (None, None)
        values.append(
            {
                "name": model.name,
                "directory": model.kind,
                "path": str(model.path),
                "size": model.size,
                "sha256": sha256,
                "autov3": autov3,
            }
        )
        rows.append((model.name, model.kind, size_text(model.size), sha256 or "not hashed"))
    text = table(rows) if rows else texts.no_models(workspace.folders)
    return Result(values, text, int(bool(unread)), tuple(complaints))


def identify(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Tells what files are."""
    kinds = ALL_KINDS if arguments.all_digests else DEFAULT_KINDS
    values = [identify_file(path, workspace, kinds) for path in arguments.files]
    return Result(values, "\n\n".join(texts.identify_text(value) for value in values))


def find(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Finds files that are here."""
    kinds = arguments.kind or []
    scanned = _scanned([], workspace)
    _check_kinds(kinds, workspace)
    found = find_files(arguments.query, workspace.catalog, kinds=kinds, limit=arguments.limit)
    # The catalog may know files of other model folders, too.
    here = {model.key: model for model in scanned.models}
    models = [here[model.key] for model in found.models if model.key in here]
    infos = model_info(models, workspace.catalog)
    value = {"how": found.how, "models": [info.to_json() for info in infos]}
    if not infos:
        return Result(value, "No file here fits.", 1)
    return Result(value, table(map(_found_row, infos)))


def updates(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Asks which files have a newer version."""
    scanned = _scanned(arguments.kinds, workspace)
    complaints: tuple[str, ...] = ()
    if not arguments.known_only:
        complaints = enrich(scanned.models, workspace).failures
    found = check_updates(scanned.models, workspace)
    complaints += found.failures
    hashed = workspace.catalog.files.digests(scanned.models)
    notes = [f"{found.checked} published models are here, {len(found.updates)} of them have"
             " newer versions."]  # fmt: skip
    if len(hashed) < len(scanned.models):
        notes.append(
            f"{len(scanned.models) - len(hashed)} files are not hashed yet, so nobody can tell"
            " what they are: `satchel scan --hash` does it."
        )
    rows = [_update_row(update) for update in found.updates]
    text = "\n".join([table(rows), *notes] if rows else notes)
    return Result(found.to_json(), text, int(bool(complaints)), tuple(dict.fromkeys(complaints)))


COMMANDS: Mapping[str, Command] = {
    "scan": scan,
    "identify": identify,
    "find": find,
    "updates": updates,
}


def _scanned(kinds: Sequence[str], workspace: Workspace) -> Scan:
    """The listing as it is now, with what other programs wrote beside new files."""
    _check_kinds(kinds, workspace)
    scanned = scan_folders(workspace.folders, workspace.catalog, kinds or None)
    import_sidecars(scanned.models, workspace.catalog, workspace.cancellation)
    return scanned


def _check_kinds(kinds: Iterable[str], workspace: Workspace) -> None:
    unknown = [kind for kind in kinds if kind not in workspace.folders]
    if unknown:
        raise InvalidInputError(
            f"{unknown[0]!r} is no model folder here.",
            hint="Folders: " + ", ".join(sorted(workspace.folders.roots)) + ".",
        )


def _found_row(info: ModelInfo) -> tuple[str, ...]:
    version = info.version
    published = f"{version.model_name} {version.version_name}".strip() if version else ""
    if published and info.identified == "claim":
        published += " (claimed)"
    return (
        info.model.name,
        info.model.kind,
        size_text(info.model.size),
        published,
        info.base_model,
        ", ".join(info.trigger_words[:3]),
    )


def _update_row(update: Update) -> tuple[str, ...]:
    newest = update.newer[0]
    base = "" if update.same_base_model else f"for {newest.base_model}"
    return (
        update.model.name,
        update.here.version_name,
        "->",
        newest.version_name,
        newest.published_at[:10],
        newest.page_url,
        base,
    )
