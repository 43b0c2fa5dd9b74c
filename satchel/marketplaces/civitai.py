"""Civitai: models by digest, by version and by name, and their downloads.

Wire behaviour as read in civitai/civitai at `ebed661` (2026-08-08). Its answers' `downloadUrl` is
only a hint (the batch route answers `https://undefined/...`): URLs are rebuilt from ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from ..errors import (
    AmbiguousReferenceError,
    BadResponseError,
    ForbiddenUrlError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
)
from ..identity import Source
from ..progress import Cancellation
from ..references.values import CivitaiReference, DigestReference, Reference
from ..settings import Settings, origin_of
from .answers import message
from .base import Availability, TokenState
from .batches import civitai_versions_by_hash, civitai_versions_of_models
from .civitai_errors import (
    login_required,
    raise_for_download,
    region_blocked,
    unexpected,
)
from .civitai_records import (
    KIND_OF_TYPE,
    MARKETPLACE,
    count,
    download_url,
    items,
    published_digests,
    source_of,
    table,
    text,
    version_of,
    versions_of_model,
)
from .records import PublishedFile, PublishedVersion, SearchPage, SearchQuery
from .transport import Transport
from .url_policy import UrlPolicy

BATCH = 100
"""Most digests that one by-hash request takes."""
SORTS = {"downloads": "Most Downloaded", "newest": "Newest", "rating": "Highest Rated"}


class Civitai:
    """The Civitai marketplace, or a mirror that speaks its API."""

    kind = MARKETPLACE
    label = "Civitai"

    def __init__(self, settings: Settings, cancellation: Cancellation | None = None) -> None:
        own = settings.source(MARKETPLACE)
        self._base = own.url
        self._has_token = own.token is not None
        self._transport = Transport(
            UrlPolicy.of_source(MARKETPLACE, settings),
            token=own.token,
            token_origin=origin_of(own.url),
            cancellation=cancellation,
        )

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        found: dict[str, tuple[Source, ...]] = dict.fromkeys(sha256s, ())
        wanted = list(found)
        for start in range(0, len(wanted), BATCH):
            batch = [sha256.upper() for sha256 in wanted[start : start + BATCH]]
            versions = self._api("POST", "/api/v1/model-versions/by-hash", json_body=batch)
            if not isinstance(versions, list):
                raise unexpected("by-hash")
            for version in versions:
                for source, sha256 in _sources_in(version):
                    if sha256 in found and not found[sha256]:
                        found[sha256] = (source,)
        return found

    def find_version(self, digest: DigestReference) -> PublishedVersion | None:
        try:
            version = self._api("GET", f"/api/v1/model-versions/by-hash/{digest.hex.upper()}")
        except NotFoundError:
            return None
        return version_of(_version_body(version), {})

    def find_versions(self, sha256s: Sequence[str]) -> Mapping[str, PublishedVersion]:
        return civitai_versions_by_hash(self._ask, sha256s, BATCH)

    def versions_of_models(
        self, model_ids: Sequence[str]
    ) -> Mapping[str, tuple[PublishedVersion, ...]]:
        return civitai_versions_of_models(self._ask, model_ids)

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, CivitaiReference)

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, CivitaiReference), "asked only about what it knows"
        if reference.version_id is None:
            model = self._api("GET", f"/api/v1/models/{reference.model_id}")
            return versions_of_model(table(model))
        version = _version_body(self._api("GET", f"/api/v1/model-versions/{reference.version_id}"))
        return (version_of(version, self._model_of(version)),)

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        assert isinstance(reference, CivitaiReference), "asked only about what it knows"
        files = [file for version in versions for file in version.files]
        if reference.file_id is not None:
            wanted = [f for f in files if f.identity.sources[0].file_id == reference.file_id]
        else:
            wanted = [file for file in files if file.primary]
        if len(wanted) > 1:
            raise AmbiguousReferenceError(
                "The model has several versions on Civitai.",
                hint="Name one of them: " + ", ".join(file.identity.name for file in wanted),
                files=[file.identity.sources[0].url for file in wanted],
            )
        if not wanted:
            raise NotFoundError(
                "Civitai has no such file there.",
                hint="Open the version's page to see which files it has.",
                marketplace=self.kind,
            )
        return wanted[0]

    def search(self, query: SearchQuery) -> SearchPage:
        types = [name for name, kind in KIND_OF_TYPE.items() if kind in query.kinds]
        asked: list[tuple[str, str]] = [
            ("query", query.text), ("username", query.author), ("cursor", query.cursor),
            ("sort", SORTS.get(query.sort, "")), *(("types", name) for name in types),
            *(("baseModels", name) for name in query.base_models),
            *(("tag", name) for name in query.tags),
        ]  # fmt: skip
        wanted = [(name, value) for name, value in asked if value]
        fixed = [("limit", str(query.limit)), ("nsfw", "true" if query.nsfw else "false")]
        page = self._api("GET", f"/api/v1/models?{urlencode([*fixed, *wanted])}")
        if not isinstance(page, dict):
            raise unexpected("models")
        found = (versions_of_model(model)[:1] for model in items(page.get("items")))
        cursor = table(page.get("metadata")).get("nextCursor")
        return SearchPage(tuple(version for one in found for version in one), text(cursor))

    def check_token(self) -> TokenState:
        if not self._has_token:
            return "unset"
        try:
            self._api("GET", "/api/v1/me")
        except LoginRequiredError:
            return "refused"
        except (MarketplaceError, ForbiddenUrlError):
            return "unknown"
        return "accepted"

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return [self._availability(source, sha256) for source, sha256 in wanted]

    def _ask(self, method: str, path: str, body: Any) -> Any:
        return self._api(method, path, json_body=body)

    def _model_of(self, version: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body of a version's model; some versions are there whose model is not."""
        model_id = count(version.get("modelId"))
        try:
            return table(self._api("GET", f"/api/v1/models/{model_id}")) if model_id else {}
        except (MarketplaceError, ForbiddenUrlError):
            return {}

    def _availability(self, source: Source, sha256: str) -> Availability:
        if source.version_id is None:
            return Availability("unknown", "The lock does not say which version it is.")
        query = f"?modelFileId={source.file_id}" if source.file_id is not None else ""
        try:
            mini = self._api("GET", f"/api/v1/model-versions/mini/{source.version_id}{query}")
        except NotFoundError:
            return Availability("gone", "Civitai does not have it any more.")
        except (MarketplaceError, ForbiddenUrlError) as error:
            return Availability("unknown", f"{error} {error.hint}".strip())
        if not isinstance(mini, dict):
            return Availability("unknown", "Civitai's answer could not be understood.")
        now = dict(published_digests(mini)).get("SHA256")
        if now and now != sha256:
            return Availability("gone", "Civitai now serves another file in its place.")
        if (mini.get("requireAuth") or mini.get("checkPermission")) and not self._has_token:
            refusal = login_required()
            return Availability("login", f"{refusal} {refusal.hint}")
        return Availability("open")

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        if source.version_id is None:
            raise NotFoundError(
                "The source names no Civitai version.", hint="Export the workflow again."
            )
        path = urlsplit(download_url(source.version_id, source.file_id))
        url = f"{self._base}{path.path}" + (f"?{path.query}" if path.query else "")
        response = self._transport.open("GET", url, headers=headers)
        try:
            raise_for_download(response, origin_of(self._base))
        except Exception:
            response.close()
            raise
        return response

    def _api(self, method: str, path: str, *, json_body: Any = None) -> Any:
        status, body, _ = self._transport.json(method, self._base + path, json_body=json_body)
        if status == 404:
            raise NotFoundError(
                "Civitai does not have it.",
                hint="It may be unpublished, or not on Civitai at all.",
                marketplace=self.kind,
                status=status,
            )
        if status == 401:
            raise login_required()
        if status == 451:
            raise region_blocked()
        if status >= 400:
            raise BadResponseError(
                f"Civitai refused a request (HTTP {status}): {message(body)}",
                hint="This is a fault in Satchel or a change at Civitai; please report it.",
                marketplace=self.kind,
                status=status,
            )
        return body


def _version_body(version: Any) -> Mapping[str, Any]:
    body = table(version)
    if not count(body.get("id")) or not isinstance(body.get("files"), list):
        raise unexpected("model-versions")
    return body


def _sources_in(version: Any) -> list[tuple[Source, str]]:
    """Every file of a version body with its digest; null entries and odd files give none."""
    body = table(version)
    if not count(body.get("id")):
        return []
    found = [
        (source_of(body, file), dict(published_digests(file)).get("SHA256", ""))
        for file in items(body.get("files"))
    ]
    return [(source, sha256) for source, sha256 in found if sha256]
