"""GET /models, as far as clients that know ids need it.

`nsfw` and `archived` filter after the page is cut, so a page may be short, or empty, while
`nextCursor` says that more follows.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from .bodies import list_item, visible_versions
from .catalogue import Catalogue
from .messages import Reply, Request, json_reply
from .values import Model

MAX_LIMIT, MAX_DEPTH = 100, 1000


def answer_list(request: Request, catalogue: Catalogue, has_key: bool) -> Reply:
    if (request.arg("favorites") or request.arg("hidden")) and not has_key:
        return json_reply(401, {"error": "Unauthorized"})
    limit, page = request.arg("limit") or "100", request.arg("page")
    for name, text in (("limit", limit), ("page", page)):
        if text is not None and not text.isdecimal():
            return _zod_error({"code": "invalid_type", "expected": "number", "path": [name]})
    if int(limit) > MAX_LIMIT:
        issue = {"origin": "number", "code": "too_big", "maximum": MAX_LIMIT, "inclusive": True}
        message = f"Too big: expected number to be <={MAX_LIMIT}"
        return _zod_error({**issue, "path": ["limit"], "message": message})
    if page and request.arg("query"):
        message = "Cannot use page param with query search. Use cursor-based pagination."
        return json_reply(400, {"error": message})
    if page and int(page) * int(limit) > MAX_DEPTH:
        message = "You've requested too many pages, please use cursors instead"
        return json_reply(429, {"error": message})
    return json_reply(200, _page(request, catalogue, int(limit), int(page) if page else None))


def _page(request: Request, catalogue: Catalogue, limit: int, page: int | None) -> dict[str, Any]:
    models = sorted(catalogue.models.values(), key=lambda model: model.id)
    wanted = [model for model in models if _is_wanted(request, model)]
    # A search cursor is a plain offset, any other an opaque compound ending in it here.
    offset = (request.arg("cursor") or "").rpartition("|")[2]
    start = int(offset) if offset.isdecimal() else 0
    if page:
        start = (page - 1) * limit
    end = start + limit
    items = [
        list_item(model, request.base_url)
        for model in wanted[start:end]
        if _is_shown(request, model)
    ]
    metadata: dict[str, Any] = {}
    if limit and end < len(wanted):
        cursor = str(end) if request.arg("query") else f"{wanted[end].id}|{end}"
        query = {name: list(values) for name, values in request.query.items()}
        query["cursor"] = [cursor]
        text = urlencode(query, doseq=True, quote_via=quote)
        # Every parameter comes back, the token too.
        metadata = {"nextCursor": cursor, "nextPage": f"{request.base_url}{request.path}?{text}"}
    if page:
        metadata |= {"currentPage": page, "pageSize": limit}
    return {"items": items, "metadata": metadata}


def _is_wanted(request: Request, model: Model) -> bool:
    ids, version_ids = _ids(request, "ids"), _ids(request, "modelVersionIds")
    types = request.query.get("types", ())
    bases, author = set(request.query.get("baseModels", ())), request.arg("username")
    words, tag = (request.arg("query") or "").lower(), request.arg("tag")
    return (
        bool(visible_versions(model))
        and (not ids or model.id in ids)
        and (not version_ids or any(version.id in version_ids for version in model.versions))
        and (not types or model.fields["type"] in types)
        and (not bases or bool(bases & set(model.fields["baseModels"])))
        and (not author or (model.fields.get("creator") or {}).get("username") == author)
        and (not tag or tag in model.fields["tags"])
        and words in model.fields["name"].lower()
    )


def _is_shown(request: Request, model: Model) -> bool:
    mature = model.fields["nsfwLevel"] > 1
    return (
        not model.fields.get("poi")
        and model.fields["availability"] == "Public"
        and (not mature or request.arg("nsfw") == "true")
        and (model.mode != "Archived" or request.arg("archived") == "true")
    )


def _ids(request: Request, name: str) -> set[int]:
    """Comma separated or repeated."""
    words = ",".join(request.query.get(name, ())).split(",")
    return {int(word) for word in words if word.strip().isdecimal()}


def _zod_error(issue: dict[str, Any]) -> Reply:
    error = {"name": "ZodError", "message": json.dumps([issue], indent=2)}
    return json_reply(400, {"error": error})
