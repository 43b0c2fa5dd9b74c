"""Questions about many models at once, for marketplaces that answer them.

A marketplace without these is asked about one model at a time, or not at all where that would be
a thousand requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlencode

from .civitai_errors import unexpected
from .civitai_records import count, items, table, text, version_of, versions_of_model
from .records import PublishedVersion

MODELS_AT_ONCE = 100
"""Most models that one page of a list holds."""
_MAX_PAGES = 20
"""For 100 ids; pages may be short or empty before the last."""

Ask = Callable[[str, str, Any], Any]
"""(method, path and query, JSON body) -> the answer's JSON."""


@runtime_checkable
class AnswersInBatches(Protocol):
    """What a marketplace may have beside the `Marketplace` protocol."""

    @property
    def kind(self) -> str:
        """`Source.kind` of what it serves."""
        ...

    def find_versions(self, sha256s: Sequence[str]) -> Mapping[str, PublishedVersion]:
        """The published version that has each digest; misses are left out.

        Raises:
            MarketplaceError: it does not answer properly.
        """
        ...

    def versions_of_models(
        self, model_ids: Sequence[str]
    ) -> Mapping[str, tuple[PublishedVersion, ...]]:
        """All published versions of models, newest first; models that are gone are left out.

        Raises:
            MarketplaceError: it does not answer properly.
        """
        ...


def civitai_versions_by_hash(
    ask: Ask, sha256s: Sequence[str], at_once: int
) -> dict[str, PublishedVersion]:
    """Civitai's `POST /model-versions/by-hash`: one body per matching file, in any order."""
    found: dict[str, PublishedVersion] = {}
    wanted = list(dict.fromkeys(sha256s))
    for start in range(0, len(wanted), at_once):
        batch = wanted[start : start + at_once]
        bodies = ask("POST", "/api/v1/model-versions/by-hash", [sha256.upper() for sha256 in batch])
        if not isinstance(bodies, list):
            raise unexpected("by-hash")
        for body in items(bodies):
            if not count(body.get("id")):
                continue
            version = version_of(body, {})
            for file in version.files:
                if file.identity.sha256 in batch:
                    found.setdefault(file.identity.sha256, version)
    return found


def civitai_versions_of_models(
    ask: Ask, model_ids: Sequence[str]
) -> dict[str, tuple[PublishedVersion, ...]]:
    """Civitai's `GET /models?ids=`; without `nsfw` and `archived` such models would be missing."""
    found: dict[str, tuple[PublishedVersion, ...]] = {}
    wanted = [model_id for model_id in dict.fromkeys(model_ids) if model_id.isdecimal()]
    for start in range(0, len(wanted), MODELS_AT_ONCE):
        batch = wanted[start : start + MODELS_AT_ONCE]
        for body in _listed(ask, batch):
            versions = versions_of_model(body)
            if str(body.get("id")) in batch:
                found[str(body["id"])] = versions
    return found


def _listed(ask: Ask, ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    cursor = ""
    for _ in range(_MAX_PAGES):
        query = {"ids": ",".join(ids), "limit": MODELS_AT_ONCE, "nsfw": "true", "archived": "true"}
        if cursor:
            query["cursor"] = cursor
        page = ask("GET", f"/api/v1/models?{urlencode(query)}", None)
        if not isinstance(page, dict):
            raise unexpected("models")
        yield from items(page.get("items"))
        cursor = text(table(page.get("metadata")).get("nextCursor"))
        if not cursor:
            return
