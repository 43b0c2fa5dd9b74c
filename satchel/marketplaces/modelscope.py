"""ModelScope: models by repository, revision and path, and their downloads.

API as modelscope_hub 0.5.1 uses it. Every file has a SHA256, stored in LFS or not, so what is
pinned is the branch and the digest. Answers come in an envelope whose `Success` counts, not the
HTTP status. `modelscope.ai` is a catalogue of its own: the operator chooses by the source's URL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

import requests

from ..errors import (
    AccessDeniedError,
    BadResponseError,
    ForbiddenUrlError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
    UnavailableError,
)
from ..folders import MODEL_EXTENSIONS
from ..identity import SHA256_HEX, ModelIdentity, Source
from ..progress import Cancellation
from ..references.values import HubReference, Reference
from ..settings import SOURCES, Settings, origin_of
from .answers import public_url, raise_for_overload, read_refusal
from .base import Availability, TokenState
from .fields import count, items, table, text
from .hub_files import (
    FORMAT_OF_EXTENSION,
    chosen_file,
    file_url,
    kind_of,
    name_of,
    place_of,
    primary_path,
)
from .modelscope_search import (
    DEFAULT_BRANCH,
    LORA,
    MARKETPLACE,
    can_answer,
    found,
    search_query,
)
from .partial import WithoutLookups, availabilities, checked
from .records import PublishedFile, PublishedVersion, SearchPage, SearchQuery
from .transport import Answer, Transport
from .url_policy import UrlPolicy

SITE = f"{SOURCES[MARKETPLACE].url}/models"
LISTING_LIMIT = 3000
"""A longer recursive listing is cut off silently, so it is asked for folder by folder."""
MAX_FOLDERS = 200
"""How many folders of one repository are listed before the user is asked to name one."""

TOKEN_HINT = (
    "Set an access token of ModelScope: satchel auth set modelscope, or MODELSCOPE_API_TOKEN in the"
    " server's environment."
)

_MISSING = frozenset({404, 10010101, 10010205001})


class ModelScope(WithoutLookups):
    """ModelScope, or a mirror that speaks its API."""

    kind = MARKETPLACE
    label = "ModelScope"

    def __init__(self, settings: Settings, cancellation: Cancellation | None = None) -> None:
        own = settings.source(MARKETPLACE)
        self._base = own.url
        # The hub's API wants its token as a cookie; the transport drops it on the way elsewhere.
        self._login = {"Cookie": f"m_session_id={own.token}"} if own.token else {}
        self._bearer = {"Authorization": f"Bearer {own.token}"} if own.token else {}
        policy = UrlPolicy.of_source(MARKETPLACE, settings)
        self._transport = Transport(policy, cancellation=cancellation)

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, HubReference) and reference.source == MARKETPLACE

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, HubReference), "asked only about what it knows"
        repository, revision = reference.repository, reference.revision or DEFAULT_BRANCH
        path = (reference.path or "").strip("/")
        found = {one["Path"]: one for one in self._files(repository, revision, path)}
        named = path if path in found else None
        wanted = {
            one: facts
            for one, facts in found.items()
            if one == named or PurePosixPath(one).suffix.lower() in MODEL_EXTENSIONS
        }
        primary = named or primary_path(wanted)
        files = [
            _file(repository, revision, facts, one == primary) for one, facts in wanted.items()
        ]
        return (
            PublishedVersion(
                source=MARKETPLACE,
                model_name=repository.rpartition("/")[2],
                version_name=revision,
                model_id=repository,
                version_id=revision,
                page_url=f"{SITE}/{repository}",
                author=repository.partition("/")[0],
                files=tuple(sorted(files, key=lambda file: not file.primary)),
            ),
        )

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        assert isinstance(reference, HubReference), "asked only about what it knows"
        what = f"{reference.repository}/{reference.path}" if reference.path else ""
        return chosen_file(versions, self.label, what or reference.repository)

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return availabilities(self._changed, wanted)

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        repository, revision, path = place_of(source.url)
        query = urlencode({"Revision": revision, "FilePath": path}, quote_via=quote)
        url = f"{self._base}/api/v1/models/{quote(repository)}/repo?{query}"
        response = self._transport.open("GET", url, headers={**headers, **self._login})
        return checked(response, partial(self._raise_for_download, repository))

    def search(self, query: SearchQuery) -> SearchPage:
        if not can_answer(query):
            return SearchPage(())
        answer = self._openapi(f"models?{search_query(query)}")
        if answer.status >= 400 or table(answer.body).get("success") is False:
            said = text(table(answer.body).get("message"))
            raise BadResponseError(
                f"ModelScope refused the search (HTTP {answer.status})."
                + (f" It says: {said[:200]}" if said else ""),
                hint="Search for something else, or try again later.",
                marketplace=MARKETPLACE,
                status=answer.status,
            )
        return found(answer.body, query, SITE)

    def check_token(self) -> TokenState:
        if not self._bearer:
            return "unset"
        try:
            status = self._openapi("users/me").status
        except (MarketplaceError, ForbiddenUrlError):
            return "unknown"
        return "accepted" if status == 200 else "refused" if status in (401, 403) else "unknown"

    def _openapi(self, place: str) -> Answer:
        """The newer API, which wants its token as any other."""
        url = f"{self._base}/openapi/v1/{place}"
        return self._transport.json("GET", url, headers=self._bearer)

    def _files(self, repository: str, revision: str, path: str) -> Iterator[Mapping[str, Any]]:
        """The file that a path names, or all files of the folder that it names."""
        if path:
            beside = self._listing(repository, revision, str(PurePosixPath(path).parent), False)
            entry = next((entry for entry in beside if entry.get("Path") == path), None)
            if entry is None:
                raise _missing(f"{repository} has no {path} on ModelScope.")
            if entry.get("Type") != "tree":
                yield entry
                return
        folders = [path]
        for _ in range(MAX_FOLDERS):
            if not folders:
                return
            folder = folders.pop()
            entries = self._listing(repository, revision, folder, True)
            if len(entries) >= LISTING_LIMIT:
                entries = self._listing(repository, revision, folder, False)
                folders += [text(one["Path"]) for one in entries if one.get("Type") == "tree"]
            yield from (entry for entry in entries if entry.get("Type") != "tree")
        raise BadResponseError(
            f"{repository} on ModelScope has far too many files to list.",
            hint="Name the file itself, or its folder.",
            marketplace=MARKETPLACE,
        )

    def _listing(
        self, repository: str, revision: str, folder: str, recursive: bool
    ) -> list[Mapping[str, Any]]:
        asked = {"Revision": revision, "Recursive": str(recursive)}
        if folder not in ("", "."):
            asked["Root"] = folder
        url = f"{self._base}/api/v1/models/{quote(repository)}/repo/files?"
        url += urlencode(asked, quote_via=quote)
        answer = self._transport.json("GET", url, headers=self._login)
        if answer.status >= 400 or table(answer.body).get("Success") is not True:
            raise self._refusal(answer.status, table(answer.body), repository)
        files = table(table(answer.body).get("Data")).get("Files")
        if not isinstance(files, list):
            raise BadResponseError(
                "ModelScope's files answer has an unknown shape.",
                hint="Update Satchel: the API may have changed.",
                marketplace=MARKETPLACE,
            )
        return [entry for entry in items(files) if text(entry.get("Path"))]

    def _changed(self, source: Source, sha256: str) -> str:
        entries = list(self._files(*place_of(source.url)))
        if [_sha256(entry) for entry in entries] == [sha256]:
            return ""
        return "ModelScope now serves another file in its place."

    def _raise_for_download(self, repository: str, response: requests.Response) -> None:
        status = response.status_code
        content = response.headers.get("Content-Type", "")
        at_site = origin_of(response.url or self._base) == origin_of(self._base)
        if status in (200, 206) and not (at_site and ("json" in content or "html" in content)):
            return
        if status == 416:
            return
        raise_for_overload(response)
        if not at_site:
            raise UnavailableError(
                f"ModelScope's storage refused the link (HTTP {status}); it may have expired.",
                hint="Try again: a fresh link is asked for each time.",
                status=status,
                url=public_url(response.url or ""),
            )
        if "html" in content and status < 400:
            raise UnavailableError(
                "ModelScope answered with a web page instead of the file.", hint="Try again later."
            )
        raise self._refusal(status, table(read_refusal(response)), repository)

    def _refusal(self, status: int, body: Mapping[str, Any], repository: str) -> MarketplaceError:
        said, code = text(body.get("Message")), body.get("Code")
        facts = {"marketplace": MARKETPLACE, "status": status, "code": code}
        if status in (401, 403):
            if self._login:
                return AccessDeniedError(
                    f"ModelScope refuses access to {repository} with this token.",
                    hint=f"Open {SITE}/{repository} while logged in to see why.",
                    **facts,
                )
            return LoginRequiredError(
                f"{repository} asks for a login on ModelScope.",
                hint=TOKEN_HINT,
                **facts,
            )
        if status == 404 or code in _MISSING:
            return _missing(f"ModelScope has no such file in {repository}, or it is private.")
        return BadResponseError(
            f"ModelScope refused a request about {repository} (HTTP {status})."
            + (f" It says: {said[:200]}" if said else ""),
            hint="This is a fault in Satchel or a change at ModelScope; please report it.",
            **facts,
        )


def _missing(sentence: str) -> NotFoundError:
    return NotFoundError(
        sentence,
        hint=f"Check the name; its default branch is called master. If it is private: {TOKEN_HINT}",
        marketplace=MARKETPLACE,
    )


def _sha256(entry: Mapping[str, Any]) -> str | None:
    digest = text(entry.get("Sha256")).lower()
    return digest if SHA256_HEX.match(digest) else None


def _file(repository: str, revision: str, entry: Mapping[str, Any], primary: bool) -> PublishedFile:
    path, sha256 = text(entry.get("Path")), _sha256(entry)
    is_lora = bool(LORA.search(f"{repository}/{path}"))
    url = file_url(SITE, repository, revision, path)
    return PublishedFile(
        ModelIdentity(
            kind=kind_of(path, is_lora=is_lora),
            name=name_of(repository, path),
            sha256=sha256,
            size=count(entry.get("Size")),
            sources=(Source(MARKETPLACE, url),),
        ),
        file_type="Model",
        format=FORMAT_OF_EXTENSION.get(PurePosixPath(path).suffix.lower(), "Other"),
        primary=primary,
        digests=(("SHA256", sha256),) if sha256 else (),
        warnings=("ModelScope is still checking it.",) if entry.get("InCheck") is True else (),
    )
