"""ModelScope's search: `GET /openapi/v1/models`, as modelscope_hub 0.5.1 calls it.

Its list knows neither host folders nor base models. A LoRA is told by the words of its name and
tags; files are listed when one of the models is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from ..errors import BadResponseError, InvalidInputError
from .fields import count, items, table, text, texts
from .records import PublishedVersion, SearchPage, SearchQuery, SortOrder

MARKETPLACE = "modelscope"
DEFAULT_BRANCH = "master"
MOST_RESULTS = 3000
"""Page number times page size; the API refuses more."""
MOST_PER_PAGE = 100
LORA = re.compile(r"(?:\b|_)loras?(?:\b|_)", re.IGNORECASE)
_SORTS: Mapping[SortOrder, str] = {
    "downloads": "downloads", "newest": "last_modified", "rating": "likes",
}  # fmt: skip


def can_answer(query: SearchQuery) -> bool:
    """Whether the list can be narrowed as asked; otherwise nothing is found instead of all."""
    return (not query.kinds or "loras" in query.kinds) and not query.base_models


def search_query(query: SearchQuery) -> str:
    """The query of the request's URL.

    Raises:
        InvalidInputError: the cursor is none of ModelScope's.
    """
    asked = [
        ("search", query.text), ("owner", query.author), ("sort", _SORTS.get(query.sort, "")),
        ("page_number", str(_page(query))), ("page_size", str(_size(query))),
        *(("filter.custom_tag", tag) for tag in query.tags),
    ]  # fmt: skip
    return urlencode([(name, value) for name, value in asked if value])


def found(body: Any, query: SearchQuery, site: str) -> SearchPage:
    """What an answer lists.

    Args:
        site: where the pages of models are.

    Raises:
        BadResponseError: it has another shape.
    """
    data = table(table(body).get("data"))
    listed = data.get("models")
    if not isinstance(listed, list):
        raise BadResponseError(
            "ModelScope's search answer has an unknown shape.",
            hint="Update Satchel: the API may have changed.",
            marketplace=MARKETPLACE,
        )
    wanted = [info for info in items(listed) if "/" in text(info.get("id"))]
    if query.kinds:
        wanted = [info for info in wanted if _is_lora(info)]
    seen, total = _page(query) * _size(query), count(data.get("total_count"))
    more = len(listed) >= _size(query) and (total is None or seen < total)
    more = more and seen + _size(query) <= MOST_RESULTS
    return SearchPage(
        tuple(_version(info, site) for info in wanted), str(_page(query) + 1) if more else ""
    )


def _page(query: SearchQuery) -> int:
    if not query.cursor:
        return 1
    if not (query.cursor.isascii() and query.cursor.isdigit() and int(query.cursor[:9])):
        raise InvalidInputError(
            f"{query.cursor[:40]!r} is no cursor of ModelScope.",
            hint="Use the one that the page before came with.",
        )
    return int(query.cursor[:9])


def _size(query: SearchQuery) -> int:
    return max(1, min(query.limit, MOST_PER_PAGE))


def _is_lora(info: Mapping[str, Any]) -> bool:
    words = (text(info.get("id")), text(info.get("display_name")), *texts(info.get("tags")))
    return any(LORA.search(word) for word in words)


def _version(info: Mapping[str, Any], site: str) -> PublishedVersion:
    repository = text(info.get("id"))
    return PublishedVersion(
        source=MARKETPLACE,
        model_name=text(info.get("display_name")) or repository.rpartition("/")[2],
        version_name=DEFAULT_BRANCH,
        model_id=repository,
        version_id=DEFAULT_BRANCH,
        page_url=f"{site}/{repository}",
        model_type="LoRA" if _is_lora(info) else "",
        author=repository.partition("/")[0],
        description=text(info.get("description")),
        tags=tuple(texts(info.get("tags"))),
        licence=text(info.get("license")),
        published_at=text(info.get("created_at")),
    )
