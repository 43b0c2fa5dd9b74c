"""Civitai: models by digest, by version, by image and by name, and their downloads.

Its answers' `downloadUrl` is only a hint (the batch route answers `https://undefined/...`): URLs
are rebuilt from ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests

from ..errors import (
    ForbiddenUrlError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
)
from ..identity import Source
from ..progress import Cancellation
from ..references.values import CivitaiReference, DigestReference, Reference
from ..settings import Settings, origin_of
from .base import Availability, TokenState
from .civitai_api import CivitaiApi, not_found
from .civitai_availability import availability
from .civitai_choice import ambiguous, candidates
from .civitai_errors import archived, raise_for_download
from .civitai_records import (
    KIND_OF_TYPE,
    MARKETPLACE,
    count,
    download_url,
    items,
    published_digests,
    source_of,
    version_of,
    versions_of_model,
)
from .records import PublishedFile, PublishedVersion, SearchPage, SearchQuery
from .transport import Transport
from .url_policy import UrlPolicy

EMPTY_PAGES = 5
"""How many empty pages in a row a search skips before it hands one on."""
_PARTS = frozenset({"diffusion_models", "text_encoders"})
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
        self._api = CivitaiApi(own.url, self._transport, has_token=self._has_token)

    # --- by digest ---------------------------------------------------------------------------

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        return {
            sha256: tuple(source_of(*pair) for pair in _files_with(sha256, versions))
            for sha256, versions in self._api.by_sha256(sha256s).items()
        }

    def find_version(self, digest: DigestReference) -> PublishedVersion | None:
        body = self._api.by_digest(digest.hex)
        return version_of(body, {}) if body is not None else None

    # --- by reference ------------------------------------------------------------------------

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, CivitaiReference)

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, CivitaiReference), "asked only about what it knows"
        if reference.image_id is not None:
            return self._of_image(reference.image_id)
        if reference.version_id is not None:
            version = self._api.version(reference.version_id)
            return (version_of(version, self._model_of(version)),)
        if reference.model_id is None:
            raise not_found("a file without its version")
        return versions_of_model(self._api.model(reference.model_id))

    def _model_of(self, version: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body of a version's model; some versions are there whose model is not."""
        model_id = count(version.get("modelId"))
        try:
            return self._api.model(model_id) if model_id else {}
        except (MarketplaceError, ForbiddenUrlError):
            return {}

    def _of_image(self, image_id: int) -> tuple[PublishedVersion, ...]:
        ids, digests = self._api.image_resources(image_id)
        models = self._api.models_with("modelVersionIds", ids) if ids else []
        found = [version for model in models for version in versions_of_model(model)]
        wanted = [one for one in found if int(one.version_id) in ids]
        listed = {int(one.version_id) for one in wanted}
        for version_id in (number for number in ids if number not in listed):
            try:  # lists leave out models of real people, which are there by id
                wanted.append(version_of(self._api.version(version_id), {}))
            except NotFoundError:
                continue
        if not ids:
            bodies = [self._api.by_digest(digest) for digest in digests]
            wanted = [version_of(body, {}) for body in bodies if body is not None]
        return tuple(sorted(wanted, key=lambda one: one.model_type != "Checkpoint"))

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        assert isinstance(reference, CivitaiReference), "asked only about what it knows"
        wanted = [file for version in versions for file in candidates(version, reference)]
        if len(wanted) > 1:
            raise ambiguous(versions, wanted)
        if wanted:
            return wanted[0]
        if any(version.status == "archived" for version in versions):
            raise archived()
        raise NotFoundError(
            "Civitai has no such file there.",
            hint="Open the version's page to see which files it has.",
            marketplace=self.kind,
        )

    # --- many at once ------------------------------------------------------------------------

    def find_versions(self, sha256s: Sequence[str]) -> Mapping[str, PublishedVersion]:
        """The earliest version that has each digest; misses are left out."""
        found = self._api.by_sha256(sha256s).items()
        return {sha256: version_of(versions[0], {}) for sha256, versions in found if versions}

    def versions_of_models(
        self, model_ids: Sequence[str]
    ) -> Mapping[str, tuple[PublishedVersion, ...]]:
        """The versions of many models, newest first, a hundred models to a request.

        Models that are not there, or not any more, are left out.
        """
        wanted = [int(model_id) for model_id in model_ids if model_id.isdecimal()]
        bodies = self._api.models_with("ids", wanted)
        return {str(body.get("id")): versions_of_model(body) for body in bodies}

    # --- by name -----------------------------------------------------------------------------

    def search(self, query: SearchQuery) -> SearchPage:
        types = [name for name, kind in KIND_OF_TYPE.items() if kind in query.kinds]
        if _PARTS & set(query.kinds) and "Checkpoint" not in types:
            types.append("Checkpoint")  # whose files may be a diffusion model and its encoders
        if query.kinds and not types:
            return SearchPage(())
        fixed = [
            ("limit", str(max(1, min(query.limit, 100)))),
            ("nsfw", "true" if query.nsfw else "false"),
            *(("types", name) for name in types),
            *(("baseModels", name) for name in query.base_models),
            *(("tag", name) for name in query.tags),
        ]
        named = [
            ("query", query.text), ("username", query.author), ("sort", SORTS.get(query.sort, "")),
        ]  # fmt: skip
        fixed += [(name, value) for name, value in named if value]
        cursor = query.cursor
        for _ in range(EMPTY_PAGES):
            bodies, cursor_after = self._api.models(
                [*fixed, ("cursor", cursor)] if cursor else fixed
            )
            found = tuple(version for body in bodies for version in _newest(body, query))
            if found or not cursor_after or cursor_after == cursor:
                return SearchPage(found, "" if cursor_after == cursor else cursor_after)
            cursor = cursor_after
        return SearchPage((), cursor)

    def base_models(self) -> tuple[str, ...]:
        """The base models that the site offers now."""
        enums = self._api.enums()
        return enums.get("ActiveBaseModel") or enums.get("BaseModel", ())

    # --- availability ------------------------------------------------------------------------

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return availability(self._api, wanted, has_token=self._has_token)

    def check_token(self) -> TokenState:
        if not self._has_token:
            return "unset"
        try:
            return "refused" if self._api.me().get("status") == "banned" else "accepted"
        except LoginRequiredError:
            return "refused"
        except (MarketplaceError, ForbiddenUrlError):
            return "unknown"

    # --- downloads ---------------------------------------------------------------------------

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        if source.version_id is None:
            raise NotFoundError(
                "The source names no Civitai version.", hint="Export the workflow again."
            )
        path = urlsplit(download_url(source.version_id, source.file_id))
        try:
            return self._open(f"{path.path}?{path.query}" if path.query else path.path, headers)
        except NotFoundError:
            if not self._is_linked_vae(source):
                raise
        # A VAE of another version, shown with this one: the site finds it by type, not by its id.
        return self._open(f"{path.path}?type=VAE", headers)

    def _open(self, target: str, headers: Mapping[str, str]) -> requests.Response:
        response = self._transport.open("GET", self._base + target, headers=headers)
        try:
            raise_for_download(response, origin_of(self._base), has_token=self._has_token)
        except Exception:
            response.close()
            raise
        return response

    def _is_linked_vae(self, source: Source) -> bool:
        if source.version_id is None or source.file_id is None:
            return False
        try:
            files = items(self._api.version(source.version_id).get("files"))
        except MarketplaceError:
            return False
        return any(file["id"] == source.file_id and file.get("type") == "VAE" for file in files)


def _files_with(
    sha256: str, versions: Iterable[Mapping[str, Any]]
) -> Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for version in versions:
        for file in items(version.get("files")):
            if dict(published_digests(file)).get("SHA256") == sha256:
                yield version, file
                break  # twice in one version is one place


def _newest(body: Mapping[str, Any], query: SearchQuery) -> tuple[PublishedVersion, ...]:
    """The newest version of a model that a search may show; none when it lost them all."""
    versions = [
        version
        for version in versions_of_model(body)
        if not query.kinds or any(file.identity.kind in query.kinds for file in version.files)
    ]
    fitting = [one for one in versions if one.base_model in query.base_models]
    return tuple((fitting or versions)[:1])
