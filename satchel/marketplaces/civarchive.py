"""CivArchive: where files are mirrored that Civitai has archived, taken down or lost.

API as in civarchive-ts-sdk 1.1.2 (`/api/v1`, snake_case); its older `/api` answers the same facts
in camelCase, sometimes inside `data`, and both are read. There is no key, and none is ever sent.
What it lists is other people's: only mirrors on the hosts of other known sources count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import requests

from ..errors import BadResponseError, NotFoundError
from ..identity import SHA256_HEX, ModelIdentity, Source
from ..progress import Cancellation
from ..references import to_text
from ..references.values import ArchiveReference, DigestReference, Reference
from ..settings import Settings
from ..urls import without_secrets
from .base import Availability, TokenState
from .civitai_records import KIND_OF_TYPE, count, items, plain_text, table, text, texts
from .hosts import source_of_host
from .records import PublishedFile, PublishedVersion, SearchPage, SearchQuery
from .transport import Transport, message
from .url_policy import UrlPolicy

_AT_ONCE = 4
_NO_MIRROR = frozenset({"civitai", "civarchive"})
"""Sources that are known already, or that are this one: their files are what is missing."""


class CivArchive:
    """The index of mirrors. It serves no file itself: its sources are of the mirrors' kinds."""

    kind = "civarchive"
    label = "CivArchive"

    def __init__(self, settings: Settings, cancellation: Cancellation | None = None) -> None:
        self._base = settings.source(self.kind).url
        self._transport = Transport(
            UrlPolicy.of_source(self.kind, settings), cancellation=cancellation
        )

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        """One request per digest: there is no batch, so only the hopeless ones are asked about."""
        wanted = list(dict.fromkeys(sha256s))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = pool.map(self._of_digest, wanted)
            return {
                sha256: _mirrors(_all_mirrors(answer, sha256))
                for sha256, answer in zip(wanted, answers, strict=True)
            }

    def find_version(self, digest: DigestReference) -> PublishedVersion | None:
        if digest.kind != "SHA256":
            return None
        answer = self._of_digest(digest.hex)
        models = [*items(answer.get("models")), *([answer] if answer.get("version") else [])]
        versions = [_version(table(model.get("version")), model, digest.hex) for model in models]
        known = [version for version in versions if version.files]
        return known[0] if known else _of_files(answer, digest.hex)

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, ArchiveReference)

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, ArchiveReference), "asked only about what it knows"
        if reference.sha256 is not None:
            found = self.find_version(DigestReference("SHA256", reference.sha256))
        else:
            path = f"/{reference.platform}/models/{reference.model_id}"
            if reference.version_id is not None:
                path += f"/versions/{reference.version_id}"
            model = self._ask(path)
            found = _version(table(model.get("version")), model, "")
        if found is None:
            raise _not_found()
        return (found,)

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        for version in versions:
            for file in version.files:
                if file.identity.sources:
                    return file
        raise NotFoundError(
            "CivArchive knows it, but no mirror of it that Satchel fetches from.",
            hint="Open its page to see where else it is, and fetch it by hand.",
            marketplace=self.kind,
        )

    def search(self, query: SearchQuery) -> SearchPage:
        return SearchPage(())

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return [Availability("gone", "CivArchive serves no files itself.")] * len(wanted)

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        raise NotFoundError(
            "CivArchive serves no files itself.",
            hint="Satchel fetches from the mirrors that it lists.",
            marketplace=self.kind,
        )

    def check_token(self) -> TokenState:
        return "unset"

    def _of_digest(self, sha256: str) -> Mapping[str, Any]:
        try:
            return self._ask(f"/sha256/{sha256}")
        except NotFoundError:
            return {}

    def _ask(self, path: str) -> Mapping[str, Any]:
        """The answer of the documented API, or of the older one where that is not there."""
        for prefix in ("/api/v1", "/api"):
            try:
                status, body, _ = self._transport.json("GET", f"{self._base}{prefix}{path}")
            except BadResponseError as error:
                # A page instead of JSON: this prefix is none here.
                if prefix == "/api" or error.details.get("status") != 404:
                    raise
                continue
            if status < 400:
                return table(table(body).get("data")) or table(body)
            if status != 404:
                raise BadResponseError(
                    f"CivArchive refused a request (HTTP {status}): {message(body)}",
                    hint="Try again later.",
                    marketplace=self.kind,
                    status=status,
                )
        raise _not_found()


def _not_found() -> NotFoundError:
    return NotFoundError(
        "CivArchive does not have it.",
        hint="Check the address; models that are on Civitai may not be here.",
        marketplace=CivArchive.kind,
        status=404,
    )


def _all_mirrors(answer: Mapping[str, Any], sha256: str) -> list[Mapping[str, Any]]:
    """Every mirror of a digest in an answer about it."""
    models = [*items(answer.get("models")), answer]
    versions = [table(model.get("version")) for model in models]
    nested = [
        mirror
        for version in versions
        for file in items(version.get("files"))
        if text(file.get("sha256")).lower() == sha256
        for mirror in items(file.get("mirrors"))
    ]
    return [*items(answer.get("files")), *nested]


def _mirrors(listed: Sequence[Mapping[str, Any]]) -> tuple[Source, ...]:
    """Mirrors that still exist, cost nothing and are on a host of another known source."""
    found: dict[str, Source] = {}
    for mirror in listed:
        deleted = mirror.get("deleted_at") or mirror.get("deletedAt")
        url = without_secrets(text(mirror.get("url")))
        kind = _kind_of(url)
        if deleted or mirror.get("is_paid") or kind is None or kind in _NO_MIRROR:
            continue
        found.setdefault(url, Source(kind, url))
    return tuple(found.values())


def _kind_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        return source_of_host(parts.hostname or "") if parts.scheme == "https" else None
    except ValueError:
        return None


def _version(version: Mapping[str, Any], model: Mapping[str, Any], sha256: str) -> PublishedVersion:
    model_id = _id(model.get("id"))
    version_id = _id(version.get("id"))
    platform = text(model.get("platform")) or "civitai"
    page = to_text(ArchiveReference(None, platform, model_id, version_id or None))
    files = [_file(file, text(model.get("type"))) for file in items(version.get("files"))]
    wanted = [f for f in files if f.identity.sha256 and sha256 in ("", f.identity.sha256)]
    level = count(version.get("nsfw_level")) or count(model.get("nsfw_level"))
    return PublishedVersion(
        source=CivArchive.kind,
        model_name=text(model.get("name")),
        version_name=text(version.get("name")),
        model_id=model_id,
        version_id=version_id,
        page_url=page,
        model_type=text(model.get("type")),
        base_model=text(version.get("base_model")) or text(version.get("baseModel")),
        author=text(model.get("creator_username")) or text(model.get("username")),
        description=plain_text(model.get("description")),
        trigger_words=texts(version.get("trigger")),
        tags=texts(model.get("tags")),
        nsfw_level=level or (16 if model.get("is_nsfw") is True else 0),
        published_at=text(version.get("created_at")),
        status="archived",
        files=tuple(wanted),
    )


def _file(file: Mapping[str, Any], model_type: str) -> PublishedFile:
    sha256 = text(file.get("sha256")).lower()
    known = sha256 if SHA256_HEX.match(sha256) else None
    mirrors = items(file.get("mirrors"))
    names = (text(mirror.get("filename")) for mirror in mirrors)
    identity = ModelIdentity(
        kind=KIND_OF_TYPE.get(model_type, ""),
        name=text(file.get("name")) or next((name for name in names if name), ""),
        sha256=known,
        sources=_mirrors(mirrors),
    )
    return PublishedFile(
        identity,
        file_type=text(file.get("type")),
        digests=(("SHA256", known),) if known else (),
        warnings=("It comes from a mirror that somebody else keeps.",),
    )


def _of_files(answer: Mapping[str, Any], sha256: str) -> PublishedVersion | None:
    """A version of what is only listed as files, as mirrors on repository hosts are."""
    listed = items(answer.get("files"))
    file = _file({"sha256": sha256, "mirrors": listed}, "")
    if not file.identity.sources:
        return None
    return PublishedVersion(
        source=CivArchive.kind,
        model_name=file.identity.name,
        page_url=to_text(ArchiveReference(sha256)),
        status="archived",
        files=(file,),
    )


def _id(value: Any) -> str:
    """Ids are texts in one API and numbers in the other."""
    return str(value) if isinstance(value, int) else text(value)
