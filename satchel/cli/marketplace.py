"""`satchel get`, `resolve` and `search`: models by reference and by name."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ..folders import LEGACY_KINDS
from ..marketplaces.records import SearchPage, SearchQuery
from ..obtain import obtain
from ..references import parse_reference
from ..resolving import licence_text, resolve_reference
from ..searching import search_marketplaces
from ..workspace import Workspace
from .result import Command, Result
from .terminal import size_text, table


def get(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Fetches one model."""
    obtained = obtain(parse_reference(arguments.reference), arguments.to, workspace)
    text = (
        f"{obtained.model.path}  ({size_text(obtained.digests.size)},"
        f" SHA256 {obtained.digests.sha256})"
    )
    complaints = [obtained.note] if obtained.note else []
    if not obtained.pinned:
        complaints.append(
            "Its source publishes no SHA256, so it was taken as it came. The one above pins it"
            " from now on."
        )
    return Result(obtained.to_json(), text, 0, tuple(complaints))


def resolve(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Tells which file a reference means, and where it can be fetched."""
    resolved = resolve_reference(parse_reference(arguments.reference), arguments.to, workspace)
    value = resolved.to_json()
    return Result(value, _resolved_text(value), 0 if resolved.identity.sha256 else 1)


def search(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Looks for models by name."""
    found = search_marketplaces(_query(arguments), workspace.resolver(), arguments.source)
    return Result(
        found.to_json(),
        _found_text(found.pages, arguments),
        0 if found.any else 1,
        found.complaints,
    )


def _query(arguments: argparse.Namespace) -> SearchQuery:
    return SearchQuery(
        text=" ".join(arguments.query),
        kinds=tuple(LEGACY_KINDS.get(kind, kind) for kind in arguments.kind),
        base_models=tuple(arguments.base),
        tags=tuple(arguments.tag),
        author=arguments.author,
        nsfw=arguments.nsfw,
        sort=arguments.sort,
        limit=arguments.limit,
        cursor=arguments.cursor,
    )


def _resolved_text(value: Mapping[str, Any]) -> str:
    model: Mapping[str, Any] = value["model"]
    version: Mapping[str, Any] = value["version"] or {}
    title = " ".join(filter(None, (version.get("model_name"), version.get("version_name"))))
    facts = [
        ("reference", value["reference"]),
        ("model", title),
        ("file", model["name"]),
        ("folder", model["directory"]),
        ("type", version.get("model_type", "")),
        ("base model", version.get("base_model", "")),
        ("author", version.get("author", "")),
        ("SHA256", model["sha256"] or "not published"),
        ("AutoV3", model["autov3"] or ""),
        ("size", size_text(model["size"]) if model["size"] else ""),
        ("AIR", version.get("air", "")),
        ("page", version.get("page_url", "")),
        ("trigger words", ", ".join(version.get("trigger_words", ()))),
        ("licence", licence_text(version)),
        ("access", " - ".join(filter(None, (value["access"], value["reason"])))),
        *(("source", source["url"]) for source in model["sources"]),
        *(("warning", warning) for warning in value["warnings"]),
    ]
    return table([(name, str(fact)) for name, fact in facts if fact])


def _found_text(pages: Mapping[str, SearchPage], arguments: argparse.Namespace) -> str:
    rows = [
        (version.model_name, version.version_name, version.model_type, version.base_model,
         version.author, version.page_url)
        for page in pages.values() for version in page.versions
    ]  # fmt: skip
    lines = [table(rows) if rows else "Nothing was found."]
    lines += [
        f"More: satchel search {' '.join(arguments.query)} --source {kind} --cursor {page.cursor}"
        for kind, page in pages.items()
        if page.cursor
    ]
    return "\n".join(lines)


COMMANDS: Mapping[str, Command] = {"get": get, "resolve": resolve, "search": search}
