"""`satchel get`, `resolve` and `search`: models by reference and by name."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..errors import DownloadError, InvalidInputError, MarketplaceError, ModelNotFoundError
from ..file_names import check_format, destination
from ..folders import LEGACY_KINDS, LocalModel
from ..hashes import FileDigests
from ..identity import ModelIdentity
from ..marketplaces.base import KnowsBaseModels, Marketplace
from ..marketplaces.records import PublishedFile, PublishedVersion, SearchPage, SearchQuery
from ..marketplaces.resolver import Resolver
from ..references import FileNameReference, Reference, parse_reference, to_text
from ..workspace import Workspace
from .result import Command, Result
from .terminal import size_text, table


def get(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Fetches one model."""
    model = workspace.resolver().resolve(parse_reference(arguments.reference), arguments.to)
    check_format(model.name, allow_pickle=workspace.settings.allow_pickle)
    target = destination(workspace.folders, model.kind, model.name)
    here = _already_here(model, workspace)
    if here is None:
        path, digests = _fetch(model, target, workspace)
        status = path.stat()
        here = LocalModel(model.kind, path.name, path, status.st_size, status.st_mtime_ns)
        workspace.catalog.remember(here, digests)
    value = {"name": here.name, "directory": here.kind, "path": str(here.path),
             "sha256": model.sha256, "size": here.size}  # fmt: skip
    return Result(value, f"{here.path}  ({size_text(here.size)}, SHA256 {model.sha256})")


def _fetch(model: ModelIdentity, target: Path, workspace: Workspace) -> tuple[Path, FileDigests]:
    """Fetches a model from where it is published, or else from a mirror of what is there."""
    try:
        return workspace.downloader().fetch(model, target)
    except MarketplaceError as error:
        sha256 = model.sha256 or ""
        mirrors = workspace.resolver().mirrors([sha256])[sha256]
        new = tuple(source for source in mirrors if source not in model.sources)
        if not new:
            raise
        try:
            return workspace.downloader().fetch(replace(model, sources=new), target)
        except (MarketplaceError, DownloadError) as second:
            error.details["tried"] = [
                *error.details.get("tried", ()), *second.details.get("tried", ()),
            ]  # fmt: skip
            raise error from second


def resolve(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Tells which file a reference means, and where it can be fetched."""
    reference = parse_reference(arguments.reference)
    resolver = workspace.resolver()
    version: PublishedVersion | None = None
    file: PublishedFile | None = None
    if isinstance(reference, FileNameReference):
        identity = _local_identity(reference.name, workspace)
    else:
        version, file = resolver.published(reference)
        identity = file.identity
    kind = LEGACY_KINDS.get(arguments.to, arguments.to) if arguments.to else identity.kind
    identity = _with_all_sources(replace(identity, kind=kind), resolver)
    access = resolver.availability([identity])[0]
    value = {
        "reference": to_text(reference),
        "model": identity.to_json(),
        "access": access.access,
        "reason": access.reason or None,
        "digests": dict(file.digests) if file else {},
        "warnings": list(file.warnings) if file else [],
        "version": version.to_json() if version else None,
    }
    return Result(value, _resolved_text(reference, identity, value), 0 if identity.sha256 else 1)


def search(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Looks for models by name."""
    query = _query(arguments)
    resolver = workspace.resolver()
    markets = [m for m in resolver.marketplaces if arguments.source in (None, m.kind)]
    if not markets:
        raise InvalidInputError(
            f"{arguments.source!r} cannot be searched.",
            hint="Sources: " + ", ".join(market.kind for market in resolver.marketplaces) + ".",
        )
    if arguments.cursor and len(markets) > 1:
        raise InvalidInputError(
            "A cursor belongs to one source.", hint="Name it with --source, as the page before."
        )
    pages: dict[str, SearchPage] = {}
    complaints, failure = [], None
    for market in markets:
        try:
            pages[market.kind] = market.search(query)
        except MarketplaceError as error:
            failure = error
            complaints.append(f"{market.label}: {error}")
    if failure is not None and not pages:
        raise failure
    if query.base_models and not any(page.versions for page in pages.values()):
        complaints += _unknown_base_models(query.base_models, markets)
    return Result(
        [{"source": kind, "cursor": page.cursor or None,
          "versions": [version.to_json() for version in page.versions]}
         for kind, page in pages.items()],
        _found_text(pages, arguments),
        0 if any(page.versions for page in pages.values()) else 1,
        tuple(complaints),
    )  # fmt: skip


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


def _unknown_base_models(wanted: Sequence[str], markets: Sequence[Marketplace]) -> list[str]:
    """A sentence for each base model that a source has no such word for."""
    told = []
    for market in markets:
        if isinstance(market, KnowsBaseModels):
            try:
                words = market.base_models()
            except MarketplaceError:
                continue
            for name in wanted:
                if name not in words:
                    near = get_close_matches(name, words, 5, 0.4) or list(words[:5])
                    told.append(
                        f"{market.label} has no base model {name!r}; it has {', '.join(near)}, ..."
                    )
    return told


def _local_identity(name: str, workspace: Workspace) -> ModelIdentity:
    """What a file here is, by its bytes."""
    library = workspace.library()
    found = library.find_by_file_name(name)
    exact = [local for local in found if local.name == name]
    if not found:
        raise ModelNotFoundError(
            f"No model file here is called {name}.",
            hint="Say where models are with --models, or give a URL, an AIR or a digest.",
            name=name,
            directory="",
        )
    local = (exact or found)[0]
    digests = library.digests(local)
    return ModelIdentity(
        local.kind,
        local.name,
        digests.sha256 if digests else None,
        local.size,
        digests.autov3 if digests else None,
    )


def _with_all_sources(identity: ModelIdentity, resolver: Resolver) -> ModelIdentity:
    if identity.sha256 is None:
        return identity
    more = resolver.look_up([identity.sha256]).sources[identity.sha256]
    urls = {source.url for source in identity.sources}
    new = tuple(source for source in more if source.url not in urls)
    return replace(identity, sources=identity.sources + new)


def _resolved_text(reference: Reference, identity: ModelIdentity, value: Mapping[str, Any]) -> str:
    version: Mapping[str, Any] = value["version"] or {}
    title = " ".join(filter(None, (version.get("model_name"), version.get("version_name"))))
    facts = [
        ("reference", to_text(reference)),
        ("model", title),
        ("file", identity.name),
        ("folder", identity.kind),
        ("type", version.get("model_type", "")),
        ("base model", version.get("base_model", "")),
        ("author", version.get("author", "")),
        ("SHA256", identity.sha256 or "not published"),
        ("AutoV3", identity.autov3 or ""),
        ("size", size_text(identity.size) if identity.size else ""),
        ("AIR", version.get("air", "")),
        ("page", version.get("page_url", "")),
        ("trigger words", ", ".join(version.get("trigger_words", ()))),
        ("licence", _licence(version)),
        ("access", " - ".join(filter(None, (value["access"], value["reason"])))),
        *(("source", source.url) for source in identity.sources),
        *(("warning", warning) for warning in value["warnings"]),
    ]
    return table([(name, str(fact)) for name, fact in facts if fact])


def _licence(version: Mapping[str, Any]) -> str:
    flags = version.get("permissions", {})
    told = [f"{name} {str(flag).lower() if isinstance(flag, bool) else flag}"
            for name, flag in flags.items()]  # fmt: skip
    return version.get("licence") or ", ".join(told)


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


def _already_here(model: ModelIdentity, workspace: Workspace) -> LocalModel | None:
    """The file, if its digest is known, or if it has the name that it would get."""
    sha256 = model.sha256 or ""
    local = workspace.folders.find(model.kind, model.name)
    if local is not None:
        digests = workspace.library().digests(local)
        if digests is not None and digests.sha256 == sha256:
            return local
    return workspace.library().find_by_digest(model.kind, sha256, model.size)


COMMANDS: Mapping[str, Command] = {"get": get, "resolve": resolve, "search": search}
