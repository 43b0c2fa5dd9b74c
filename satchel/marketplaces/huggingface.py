"""Hugging Face: models by repository, revision and path, and their downloads.

API: https://huggingface.co/docs/hub/api and huggingface_hub 1.29. A revision becomes the commit it
stands for, so that what is pinned stays what it is. There is no lookup by digest.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import requests

from ..errors import (
    BadResponseError,
    ForbiddenUrlError,
    MarketplaceError,
    UnavailableError,
)
from ..identity import SHA256_HEX, Source
from ..progress import Cancellation
from ..references.values import HubReference, Reference
from ..settings import Settings, origin_of
from .answers import Answer, public_url, raise_for_overload
from .base import Availability, TokenState
from .fields import items, table, text, texts
from .hub_files import chosen_file, file_url, place_of
from .huggingface_errors import TOKEN_REFUSED, refusal
from .huggingface_records import ADULT_TAG, MARKETPLACE, version_of
from .partial import WithoutLookups, availabilities, checked
from .records import PublishedFile, PublishedVersion, SearchPage, SearchQuery
from .transport import Transport
from .url_policy import UrlPolicy

MAX_PAGES = 20
"""Of a listing, 1000 entries each; a repository with more has to be asked for a folder of it."""
FILTERS = {"loras": "lora", "controlnet": "controlnet", "embeddings": "textual_inversion"}
"""The Hub's tag for a model folder; it has none for the others."""
SORTS = {"downloads": "downloads", "newest": "createdAt", "rating": "likes"}
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubFile:
    """What a branch or tag has at a path."""

    commit: str
    sha256: str | None
    """None for a small file that is not in LFS."""
    size: int | None


class HuggingFace(WithoutLookups):
    """The Hugging Face Hub, or a mirror that speaks its API."""

    kind = MARKETPLACE
    label = "Hugging Face"

    def __init__(self, settings: Settings, cancellation: Cancellation | None = None) -> None:
        own = settings.source(MARKETPLACE)
        self._base = own.url
        policy = UrlPolicy.of_source(MARKETPLACE, settings)
        self._anonymous = Transport(policy, cancellation=cancellation)
        self._transport = Transport(
            policy, token=own.token, token_origin=origin_of(own.url), cancellation=cancellation
        )
        self._has_token = own.token is not None
        self._token_refused = False

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, HubReference) and reference.source == MARKETPLACE

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, HubReference), "asked only about what it knows"
        revision = reference.revision or ""
        info = self._info(reference.repository, revision)
        repository, commit = text(info.get("id")), text(info.get("sha"))
        path = (reference.path or "").strip("/")
        entries, named = list(self._entries(repository, commit, path)), None
        if path and any(entry.get("path") == path for entry in entries):
            named = path
        warnings = (TOKEN_REFUSED,) if self._token_refused else ()
        return (version_of(info, entries, revision=revision, named_path=named, warnings=warnings),)

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        assert isinstance(reference, HubReference), "asked only about what it knows"
        what = f"{reference.repository}/{reference.path}" if reference.path else ""
        return chosen_file(versions, self.label, what or reference.repository)

    def search(self, query: SearchQuery) -> SearchPage:
        tags = [FILTERS[kind] for kind in query.kinds if kind in FILTERS]
        tags += [f"base_model:{name}" for name in query.base_models if "/" in name]
        asked = [
            ("search", query.text), ("author", query.author), ("cursor", query.cursor),
            ("sort", SORTS.get(query.sort, "")), *(("filter", tag) for tag in (*tags, *query.tags)),
        ]  # fmt: skip
        fixed = [("limit", str(query.limit)), ("full", "true"), ("cardData", "true")]
        wanted = [*fixed, *((name, value) for name, value in asked if value)]
        answer = self._api("GET", f"/api/models?{urlencode(wanted)}", "the models")
        if not isinstance(answer.body, list):
            raise _unexpected("models")
        found = [info for info in items(answer.body) if text(info.get("id"))]
        if not query.nsfw:
            found = [info for info in found if ADULT_TAG not in texts(info.get("tags"))]
        versions = tuple(version_of(info, items(info.get("siblings"))) for info in found)
        return SearchPage(versions, _next_cursor(answer.headers))

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return availabilities(self._changed, wanted, denied="login")

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        repository, revision, path = place_of(source.url)
        url = file_url(self._base, repository, revision, path)
        response = self._open("GET", url, headers=headers)
        return checked(response, partial(self._raise_for_download, repository))

    def check_token(self) -> TokenState:
        if not self._has_token:
            return "unset"
        try:
            status = self._transport.json("GET", f"{self._base}/api/whoami-v2").status
        except (MarketplaceError, ForbiddenUrlError):
            return "unknown"
        return "accepted" if status == 200 else "refused" if status == 401 else "unknown"

    def _info(self, repository: str, revision: str) -> Mapping[str, Any]:
        path = f"/api/models/{quote(repository)}"
        path += f"/revision/{quote(revision, safe='')}" if revision else ""
        info = table(self._api("GET", path, repository).body)
        if not text(info.get("id")) or not text(info.get("sha")):
            raise _unexpected("models")
        return info

    def _entries(self, repository: str, commit: str, path: str) -> Iterator[Mapping[str, Any]]:
        """The file that a path names, or all files of the folder that it names."""
        if path:
            asked = {"paths": [path], "expand": True}
            place = f"/api/models/{quote(repository)}/paths-info/{commit}"
            entries = items(self._api("POST", place, repository, json_body=asked).body)
            if not entries:  # missing paths are left out silently
                missing = {"X-Error-Code": "EntryNotFound"}
                raise self._refusal(404, missing, "", repository)
            if entries[0].get("type") != "directory":
                yield entries[0]
                return
        folder = f"/{quote(path)}" if path else ""
        place = f"/api/models/{quote(repository)}/tree/{commit}{folder}?recursive=true"
        cursor = ""
        for _ in range(MAX_PAGES):
            answer = self._api(
                "GET", place + (f"&cursor={quote(cursor, safe='')}" if cursor else ""), repository
            )
            yield from items(answer.body)
            cursor = _next_cursor(answer.headers)
            if not cursor:
                return
        raise BadResponseError(
            f"{repository} on Hugging Face has far too many files to list.",
            hint="Name the file itself, or its folder.",
            marketplace=MARKETPLACE,
        )

    def _changed(self, source: Source, sha256: str) -> str:
        place = place_of(source.url)
        with self._open("HEAD", file_url(self._base, *place), follow="same_origin") as answer:
            if answer.status_code >= 400:
                self._raise_for_download(place[0], answer)
            now = _etag(answer.headers)
        # What is not in LFS has git's own hash there instead.
        is_other = SHA256_HEX.match(now) and now != sha256
        return "Hugging Face now serves another file in its place." if is_other else ""

    def file_at(self, repository: str, revision: str, path: str) -> HubFile:
        """The file that a revision has now, and the commit that the revision stands for.

        Raises:
            MarketplaceError: there is none, or it is only for some.
            UnavailableError: the Hub does not answer.
        """
        url = file_url(self._base, repository, revision, path)
        with self._open("HEAD", url, follow="same_origin") as answer:
            if answer.status_code >= 400:
                self._raise_for_download(repository, answer)
            headers = answer.headers
            commit = headers.get("X-Repo-Commit", "").lower()
            sha256 = _etag(headers)
            size = headers.get("X-Linked-Size", "")
        if not _COMMIT.match(commit):
            raise _unexpected("resolve")
        is_lfs = SHA256_HEX.match(sha256) is not None
        known = int(size) if is_lfs and size.isdecimal() and len(size) < 16 else None
        return HubFile(commit, sha256 if is_lfs else None, known)

    def _api(self, method: str, path: str, repository: str, *, json_body: Any = None) -> Answer:
        url = self._base + path
        answer = self._in_use.json(method, url, json_body=json_body)
        if self._refuses_token(answer.status, answer.headers):
            answer = self._anonymous.json(method, url, json_body=json_body)
        if answer.status >= 400:
            said = text(table(answer.body).get("error"))
            raise self._refusal(answer.status, answer.headers, said, repository)
        return answer

    def _open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        follow: Literal["all", "same_origin"] = "all",
    ) -> requests.Response:
        response = self._in_use.open(method, url, headers=headers, follow=follow)
        if self._refuses_token(response.status_code, response.headers):
            response.close()
            response = self._anonymous.open(method, url, headers=headers, follow=follow)
        return response

    @property
    def _in_use(self) -> Transport:
        return self._anonymous if self._token_refused else self._transport

    def _refuses_token(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether an answer is about our token: then even public files are refused with it.

        With a good token, what is missing or private is 404 and what is gated is 403.
        """
        about_token = status == 401 and headers.get("X-Error-Code") != "GatedRepo"
        if not about_token or not self._has_token or self._token_refused:
            return False
        self._token_refused = True
        log.warning(TOKEN_REFUSED)
        return True

    def _raise_for_download(self, repository: str, response: requests.Response) -> None:
        status = response.status_code
        if status in (200, 206):
            if "text/html" in response.headers.get("Content-Type", ""):
                raise UnavailableError(
                    "Hugging Face answered with a web page instead of the file.",
                    hint="Try again later.",
                )
            return
        if status == 416:
            return
        raise_for_overload(response)
        if origin_of(response.url or self._base) != origin_of(self._base):
            raise UnavailableError(
                f"Hugging Face's storage refused the link (HTTP {status}); it may have expired.",
                hint="Try again: a fresh link is asked for each time.",
                status=status,
                url=public_url(response.url or ""),
            )
        raise self._refusal(status, response.headers, "", repository)

    def _refusal(
        self, status: int, headers: Mapping[str, str], said: str, repository: str
    ) -> MarketplaceError:
        return refusal(
            status,
            headers,
            said,
            repository,
            has_token=self._has_token and not self._token_refused,
            token_refused=self._token_refused,
        )


def _etag(headers: Mapping[str, str]) -> str:
    """The SHA256 of a file in LFS; git's own hash of others."""
    return headers.get("X-Linked-Etag", "").removeprefix("W/").strip('"')


def _next_cursor(headers: Mapping[str, str]) -> str:
    """The `cursor` of the next page; a mirror's link may name the Hub's own host."""
    for link in requests.utils.parse_header_links(headers.get("Link", "")):
        if link.get("rel") == "next":
            return parse_qs(urlsplit(link["url"]).query).get("cursor", [""])[0]
    return ""


def _unexpected(route: str) -> BadResponseError:
    return BadResponseError(
        f"Hugging Face's {route} answer has an unknown shape.",
        hint="Update Satchel: the API may have changed.",
        marketplace=MARKETPLACE,
    )
