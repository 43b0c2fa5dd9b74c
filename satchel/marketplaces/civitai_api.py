"""Civitai's API routes, each asked once and checked for the shape that is relied on.

Wire behaviour as read in civitai/civitai at `ebed661` (2026-08-08), the images route as documented
at developer.civitai.com/site/reference/images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from ..errors import BadResponseError, NotFoundError
from .civitai_errors import login_required, no_access, region_blocked, unexpected
from .civitai_records import (
    MARKETPLACE,
    count,
    items,
    published_digests,
    table,
    text,
    texts,
)
from .transport import Transport, message

BATCH = 100
"""Most digests that one by-hash request takes, and most models that a list has on a page."""
IDS_BATCH = 10_000
"""Most digests that one request to the ids route takes."""


RESOURCES = 50
"""Most models that an image is believed to be made with: its facts are its poster's text."""


class CivitaiApi:
    """The routes of one Civitai, or of a mirror that speaks its API."""

    def __init__(self, base: str, transport: Transport, *, has_token: bool) -> None:
        self._base = base
        self._transport = transport
        self._has_token = has_token
        self.seen: dict[int, Mapping[str, Any]] = {}
        """Every version that a batch answered. Archived ones match, but show no file with it."""
        self._known: dict[str, tuple[Mapping[str, Any], ...]] = {}

    def by_sha256(self, sha256s: Iterable[str]) -> dict[str, tuple[Mapping[str, Any], ...]]:
        """The versions that have each digest, the earliest first; each digest is asked once."""
        wanted = list(dict.fromkeys(sha256s))
        unknown = [sha256 for sha256 in wanted if sha256 not in self._known]
        asked = self._listed(unknown) if len(unknown) > BATCH else unknown
        found: dict[str, list[Mapping[str, Any]]] = {sha256: [] for sha256 in unknown}
        for batch in _batches(asked, BATCH):
            for version in self._batch(batch):
                self.seen[version["id"]] = version
                for file in items(version.get("files")):
                    versions = found.get(dict(published_digests(file)).get("SHA256", ""))
                    if versions is not None and version not in versions:
                        versions.append(version)
        self._known |= {
            sha256: tuple(sorted(versions, key=_age)) for sha256, versions in found.items()
        }
        return {sha256: self._known[sha256] for sha256 in wanted}

    def _listed(self, sha256s: Sequence[str]) -> list[str]:
        """Those that exist at all: one small answer spares a request per hundred that do not."""
        known: set[str] = set()
        for batch in _batches(sha256s, IDS_BATCH):
            body = [sha256.upper() for sha256 in batch]
            answer = self._call("POST", "/api/v1/model-versions/by-hash/ids", body)
            if not isinstance(answer, list):
                raise unexpected("by-hash/ids")
            known |= {text(entry.get("hash")).lower() for entry in items(answer)}
        return [sha256 for sha256 in sha256s if sha256 in known]

    def _batch(self, sha256s: Sequence[str]) -> list[Mapping[str, Any]]:
        body = [sha256.upper() for sha256 in sha256s]
        versions = self._call("POST", "/api/v1/model-versions/by-hash", body)
        if not isinstance(versions, list):
            raise unexpected("by-hash")
        return [version for version in items(versions) if count(version.get("id"))]

    def by_digest(self, digest: str) -> Mapping[str, Any] | None:
        """The version with a digest of any kind; None is a miss."""
        try:
            body = self._call("GET", f"/api/v1/model-versions/by-hash/{digest.upper()}")
        except NotFoundError:
            return None
        return _version(body)

    def version(self, version_id: int) -> Mapping[str, Any]:
        return _version(self._call("GET", f"/api/v1/model-versions/{version_id}"))

    def model(self, model_id: int) -> Mapping[str, Any]:
        body = table(self._call("GET", f"/api/v1/models/{model_id}"))
        if not count(body.get("id")):
            raise unexpected("models")
        return body

    def models(self, query: Sequence[tuple[str, str]]) -> tuple[list[Mapping[str, Any]], str]:
        """A page of models and the next one's cursor; it may be empty and still have a next."""
        page = self._call("GET", f"/api/v1/models?{urlencode(query)}")
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise unexpected("models")
        cursor = table(page.get("metadata")).get("nextCursor")
        return items(page["items"]), str(cursor) if isinstance(cursor, str | int) else ""

    def models_with(self, name: str, ids: Iterable[int]) -> list[Mapping[str, Any]]:
        """Models by ids (`ids`), or by ids of their versions (`modelVersionIds`), in batches.

        Without `nsfw` and `archived` the site leaves out what it would not show to everybody.
        """
        fixed = [("nsfw", "true"), ("archived", "true"), ("limit", str(BATCH))]
        found = []
        for batch in _batches(sorted(set(ids)), BATCH):
            query = [(name, ",".join(str(number) for number in batch)), *fixed]
            models, cursor = self.models(query)
            found += models
            for _ in range(BATCH):  # pages may be short, or empty, before the last
                if not cursor:
                    break
                models, cursor = self.models([*query, ("cursor", cursor)])
                found += models
        return found

    def mini(self, version_id: int, file_id: int | None) -> Mapping[str, Any]:
        query = f"?modelFileId={file_id}" if file_id is not None else ""
        body = self._call("GET", f"/api/v1/model-versions/mini/{version_id}{query}")
        if not isinstance(body, dict):
            raise unexpected("mini")
        return body

    def image_resources(self, image_id: int) -> tuple[list[int], list[str]]:
        """Ids of the versions that made an image, and digests of those without ids.

        Without `nsfw` and `withMeta` the site answers as if there were no such image, or no facts.
        """
        query = urlencode([("imageId", str(image_id)), ("nsfw", "X"), ("withMeta", "true")])
        images = items(table(self._call("GET", f"/api/v1/images?{query}")).get("items"))
        if not images:
            raise not_found("this image")
        meta = table(images[0].get("meta"))
        meta = table(meta.get("meta")) or meta
        listed = [images[0].get("modelVersionIds"), meta.get("modelVersionIds")]
        ids = [number for one in listed if isinstance(one, list) for number in one]
        ids += [part.get("modelVersionId") for part in items(meta.get("civitaiResources"))]
        hashes = [part.get("hash") for part in items(meta.get("resources"))]
        hashes += list(table(meta.get("hashes")).values())
        whole = dict.fromkeys(number for value in ids if (number := count(value)) is not None)
        digests = [digest for digest in texts(hashes) if digest.isalnum() and len(digest) <= 64]
        return list(whole)[:RESOURCES], [digest.lower() for digest in digests][:RESOURCES]

    def enums(self) -> Mapping[str, tuple[str, ...]]:
        """The words that the site knows, by the name of their list; all of them grow."""
        body = table(self._call("GET", "/api/v1/enums"))
        return {name: texts(words) for name, words in body.items()}

    def me(self) -> Mapping[str, Any]:
        """Whose token it is. The only route that tells: the others take a bad one for none."""
        return table(self._call("GET", "/api/v1/me"))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        status, answer, _ = self._transport.json(method, self._base + path, json_body=body)
        if status == 404:
            raise not_found("it")
        if status == 401:
            raise login_required(has_token=self._has_token)
        if status == 403:
            raise no_access()
        if status == 451:
            raise region_blocked()
        if status >= 400:
            raise BadResponseError(
                f"Civitai refused a request (HTTP {status}): {message(answer)}",
                hint="Check what was asked for. If it is right, please report this.",
                marketplace=MARKETPLACE,
                status=status,
            )
        return answer


def not_found(what: str) -> NotFoundError:
    return NotFoundError(
        f"Civitai does not have {what}.",
        hint="It may be unpublished, or not on Civitai at all.",
        marketplace=MARKETPLACE,
        status=404,
    )


def _version(value: Any) -> Mapping[str, Any]:
    body = table(value)
    if not count(body.get("id")) or not isinstance(body.get("files"), list):
        raise unexpected("model-versions")
    return body


def _age(version: Mapping[str, Any]) -> tuple[str, int]:
    return text(version.get("publishedAt")), count(version.get("id")) or 0


def _batches(values: Sequence[Any], size: int) -> Iterable[list[Any]]:
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
