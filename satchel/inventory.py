"""What people ask about the files that are here: a listing, a search, newer versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .enrich import enrich
from .errors import InvalidInputError, PreviewsOffError
from .examine import examine_all
from .find import Found, find
from .folders import LocalModel
from .hashes import FileDigests
from .model_info import ModelInfo, model_info
from .published_previews import FetchedPreviews, fetch_previews, wanted_previews
from .scan import Scan, scan
from .sidecars import import_sidecars
from .updates import Updates, check_updates
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Inventory:
    """All model files of some kinds."""

    scanned: Scan
    digests: dict[LocalModel, FileDigests]
    """Of those that were hashed."""
    unread: tuple[LocalModel, ...] = ()
    failures: tuple[str, ...] = ()
    """A sentence per marketplace that did not answer."""

    @property
    def unknown(self) -> int:
        """How many files nobody has hashed yet."""
        return len(self.scanned.models) - len(self.digests)

    def to_json(self) -> list[dict[str, Any]]:
        """The list that `satchel scan --json` prints."""
        values = []
        for model in self.scanned.models:
            known = self.digests.get(model)
            values.append(
                {
                    "name": model.name,
                    "directory": model.kind,
                    "path": str(model.path),
                    "size": model.size,
                    "sha256": known.sha256 if known else None,
                    "autov3": known.autov3 if known else None,
                }
            )
        return values


def take_inventory(
    kinds: Sequence[str],
    workspace: Workspace,
    *,
    hash_unknown: bool = False,
    look_up: bool = False,
    previews: bool = False,
) -> Inventory:
    """Lists model files, and learns what they are as far as that is asked for.

    Args:
        kinds: host folder names; all without.
        look_up: asks marketplaces about what was hashed.
        previews: fetches published pictures of what is known and has none.

    Raises:
        InvalidInputError: a kind is no model folder here.
        CancelledError: the workspace's work was cancelled.
    """
    scanned = listed(kinds, workspace)
    unread: list[LocalModel] = []
    if hash_unknown:
        unread = examine_all(
            scanned.models,
            workspace.catalog,
            report=workspace.report,
            cancellation=workspace.cancellation,
        )
    failures = enrich(scanned.models, workspace).failures if look_up else ()
    digests = workspace.catalog.files.digests(scanned.models)
    if previews:
        failures += _get_previews(digests, workspace).failures
    return Inventory(scanned, digests, tuple(unread), failures)


def previews_here(kinds: Sequence[str], workspace: Workspace) -> FetchedPreviews:
    """Fetches published pictures of the models that are known and have none.

    Raises:
        PreviewsOffError: the operator wants none.
        InvalidInputError: a kind is no model folder here.
        CancelledError: the workspace's work was cancelled.
    """
    if not workspace.settings.previews:
        raise PreviewsOffError(
            "This server fetches no pictures.",
            hint="Its operator has set SATCHEL_PREVIEWS to off.",
        )
    scanned = listed(kinds, workspace)
    return _get_previews(workspace.catalog.files.digests(scanned.models), workspace)


def _get_previews(
    digests: Mapping[LocalModel, FileDigests], workspace: Workspace
) -> FetchedPreviews:
    sha256s = {model: known.sha256 for model, known in digests.items()}
    return fetch_previews(wanted_previews(sha256s, workspace), workspace)


def find_here(
    query: str, kinds: Sequence[str], limit: int, workspace: Workspace
) -> tuple[Found, list[ModelInfo]]:
    """Files of this machine that a text means, with what is known of them.

    Raises:
        InvalidInputError: a kind is no model folder here.
    """
    check_kinds(kinds, workspace)
    scanned = listed([], workspace)
    found = find(query, workspace.catalog, kinds=kinds, limit=limit)
    # The catalog may know files of other model folders, too.
    here = {model.key: model for model in scanned.models}
    models = [here[model.key] for model in found.models if model.key in here]
    return found, model_info(models, workspace.catalog)


def updates_here(
    kinds: Sequence[str], workspace: Workspace, *, known_only: bool = False
) -> tuple[Updates, int]:
    """Newer versions of what is here, and how many files nobody has hashed yet.

    Args:
        known_only: sends no digests, only the ids of models that are known already.

    Raises:
        InvalidInputError: a kind is no model folder here.
        CancelledError: the workspace's work was cancelled.
    """
    scanned = listed(kinds, workspace)
    failures = () if known_only else enrich(scanned.models, workspace).failures
    found = check_updates(scanned.models, workspace)
    unknown = len(scanned.models) - len(workspace.catalog.files.digests(scanned.models))
    told = tuple(dict.fromkeys((*failures, *found.failures)))
    return Updates(found.updates, found.checked, told), unknown


def listed(kinds: Sequence[str], workspace: Workspace) -> Scan:
    """The listing as it is now, with what other programs wrote beside new files."""
    check_kinds(kinds, workspace)
    scanned = scan(workspace.folders, workspace.catalog, kinds or None)
    import_sidecars(scanned.models, workspace.catalog, workspace.cancellation)
    return scanned


def check_kinds(kinds: Iterable[str], workspace: Workspace) -> None:
    """Raises InvalidInputError for the first kind that is no model folder here."""
    unknown = [kind for kind in kinds if kind not in workspace.folders]
    if unknown:
        raise InvalidInputError(
            f"{unknown[0]!r} is no model folder here.",
            hint="Folders: " + ", ".join(sorted(workspace.folders.roots)) + ".",
        )
