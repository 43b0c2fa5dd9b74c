"""Routes about models by reference and by name: resolve, search, get."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from ...satchel.errors import InvalidInputError
from ...satchel.marketplaces.records import SearchQuery, SortOrder
from ...satchel.obtain import obtain
from ...satchel.progress import Cancellation, Report
from ...satchel.references import parse_reference
from ...satchel.resolving import resolve_reference
from ...satchel.searching import (
    Searched,
    offered_base_models,
    published_versions,
    search_marketplaces,
)
from ...satchel.workspace import Workspace
from ..public import without_paths
from ..workspace import workspace
from .pictures import found_pictures
from .serving import (
    Handler,
    check_may_install,
    check_may_work,
    count_in,
    flag_in,
    json_body,
    kind_in,
    names_in,
    run,
    text_in,
)

MAX_FOUND = 100
_SORTS = get_args(SortOrder)


async def _resolve(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    reference, kind = parse_reference(text_in(body, "reference")), kind_in(body)

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        return resolve_reference(reference, kind, space).to_json()

    return await run(work, body)


async def _search(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    query = _query(body)
    source = text_in(body, "source") if body.get("source") is not None else None

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        found = search_marketplaces(query, space.resolver(), source)
        return {"pages": _with_pictures(found, space), "complaints": list(found.complaints)}

    return await run(work, body)


def _with_pictures(found: Searched, space: Workspace) -> list[dict[str, Any]]:
    """The pages, with the key of a picture in each version that has one to show."""
    told = found.to_json()
    for page, shown in zip(found.pages.values(), told, strict=True):
        keys = found_pictures.keys_of(page.versions, space)
        for version, key in zip(shown["versions"], keys, strict=True):
            version["picture"] = key
    return told


async def _versions(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)
    reference = parse_reference(text_in(body, "reference"))

    def work(report: Report, cancellation: Cancellation) -> Any:
        resolver = workspace().watched(report, cancellation).resolver()
        versions = published_versions(reference, resolver)
        return {"versions": [version.to_json() for version in versions]}

    return await run(work, body)


async def _base_models(request: web.Request) -> web.Response:
    check_may_work(request)
    body = await json_body(request)

    def work(report: Report, cancellation: Cancellation) -> Any:
        return {
            "sources": offered_base_models(workspace().watched(report, cancellation).resolver())
        }

    return await run(work, body)


async def _get(request: web.Request) -> web.Response:
    check_may_install(request)
    body = await json_body(request)
    reference, kind = parse_reference(text_in(body, "reference")), kind_in(body)

    def work(report: Report, cancellation: Cancellation) -> Any:
        space = workspace().watched(report, cancellation)
        return without_paths(obtain(reference, kind, space).to_json())

    return await run(work, body)


def _query(body: dict[str, Any]) -> SearchQuery:
    sort = text_in(body, "sort", default="relevance")
    if sort not in _SORTS:
        raise InvalidInputError(
            f"Results cannot be sorted by {sort!r}.", hint="By one of: " + ", ".join(_SORTS) + "."
        )
    return SearchQuery(
        text=text_in(body, "query", default=""),
        kinds=tuple(names_in(body, "kinds") or ()),
        base_models=tuple(names_in(body, "base_models") or ()),
        tags=tuple(names_in(body, "tags") or ()),
        author=text_in(body, "author", default=""),
        nsfw=flag_in(body, "nsfw"),
        sort=sort,
        limit=min(count_in(body, "limit", 20, least=1), MAX_FOUND),
        cursor=text_in(body, "cursor", default=""),
    )


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/resolve", _resolve),
    ("POST", "/search", _search),
    ("POST", "/versions", _versions),
    ("POST", "/base-models", _base_models),
    ("POST", "/get", _get),
)
