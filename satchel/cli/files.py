"""Commands about the files that are here: scan, identify, find, updates."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from ..hashes import ALL_KINDS, DEFAULT_KINDS
from ..identify import identify_file
from ..inventory import find_here, take_inventory, updates_here
from ..model_info import ModelInfo
from ..updates import Update
from ..workspace import Workspace
from . import texts
from .result import Command, Result
from .terminal import size_text, table


def scan(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Lists model files."""
    inventory = take_inventory(
        arguments.kinds,
        workspace,
        hash_unknown=arguments.hash or arguments.look_up,
        look_up=arguments.look_up,
        previews=arguments.previews,
    )
    complaints = [f"{model.name} could not be read." for model in inventory.unread]
    if arguments.previews and not workspace.settings.previews:
        complaints.append("No pictures are fetched: SATCHEL_PREVIEWS is off.")
    values = inventory.to_json()
    rows = [
        (
            value["name"],
            value["directory"],
            size_text(value["size"]),
            value["sha256"] or "not hashed",
        )
        for value in values
    ]
    text = table(rows) if rows else texts.no_models(workspace.folders)
    status = int(bool(inventory.unread))
    return Result(values, text, status, (*complaints, *inventory.failures))


def identify(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Tells what files are."""
    kinds = ALL_KINDS if arguments.all_digests else DEFAULT_KINDS
    values = [
        identify_file(path, workspace, kinds, explain=arguments.explain) for path in arguments.files
    ]
    return Result(values, "\n\n".join(texts.identify_text(value) for value in values))


def find(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Finds files that are here."""
    found, infos = find_here(arguments.query, arguments.kind or [], arguments.limit, workspace)
    value = {"how": found.how, "models": [info.to_json() for info in infos]}
    if not infos:
        return Result(value, "No file here fits.", 1)
    return Result(value, table(map(_found_row, infos)))


def updates(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Asks which files have a newer version."""
    found, unknown = updates_here(arguments.kinds, workspace, known_only=arguments.known_only)
    notes = [f"{found.checked} published models are here, {len(found.updates)} of them have"
             " newer versions."]  # fmt: skip
    if unknown:
        notes.append(
            f"{unknown} files are not hashed yet, so nobody can tell what they are:"
            " `satchel scan --hash` does it."
        )
    rows = [_update_row(update) for update in found.updates]
    text = "\n".join([table(rows), *notes] if rows else notes)
    return Result(found.to_json(), text, int(bool(found.failures)), found.failures)


COMMANDS: Mapping[str, Command] = {
    "scan": scan,
    "identify": identify,
    "find": find,
    "updates": updates,
}


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
