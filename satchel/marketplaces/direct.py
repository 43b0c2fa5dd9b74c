"""Plain https addresses of files, on origins that the operator has named.

Nothing is known of such a server: what it says about the name and the size is asked for with a
range of one byte, since many refuse `HEAD`. A digest is taken from `Repr-Digest` (RFC 9530),
`Digest` (RFC 3230) or `X-Checksum-Sha256` (JFrog Artifactory, Sonatype Nexus).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import requests

from ..errors import (
    AccessDeniedError,
    BadResponseError,
    LoginRequiredError,
    NotFoundError,
)
from ..file_names import portable_name
from ..identity import SHA256_HEX, ModelIdentity, Source
from ..progress import Cancellation
from ..references.values import Reference, UrlReference
from ..settings import Settings
from .answers import raise_for_overload
from .base import Availability, TokenState
from .hub_files import FORMAT_OF_EXTENSION, kind_of
from .partial import (
    WithoutLookups,
    WithoutSearch,
    availabilities,
    checked,
    trusted_at_first,
)
from .records import PublishedFile, PublishedVersion
from .transport import Transport
from .url_policy import UrlPolicy

MARKETPLACE = "https"

_SHA256_FIELD = re.compile(r"(?:^|,)\s*sha-256=:?([A-Za-z0-9+/=]+?):?\s*(?:,|$)", re.IGNORECASE)
_TOTAL = re.compile(r"bytes\s+[^/]*/(\d{1,15})\Z")


class DirectFiles(WithoutLookups, WithoutSearch):
    """Files that servers of the operator's choice offer by their address alone."""

    kind = MARKETPLACE
    label = "The web"

    def __init__(self, settings: Settings, cancellation: Cancellation | None = None) -> None:
        policy = UrlPolicy.of_source(MARKETPLACE, settings)
        self._transport = Transport(policy, cancellation=cancellation)

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, UrlReference)

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, UrlReference), "asked only about what it knows"
        url = reference.url
        with self._open(url, {"Range": "bytes=0-0"}) as response:
            headers, status = response.headers, response.status_code
        host, sha256 = urlsplit(url).hostname or "", _published_sha256(headers)
        name = _name(headers.get("Content-Disposition", ""), url)
        file = PublishedFile(
            ModelIdentity(
                kind=kind_of(urlsplit(url).path, is_lora=False),
                name=name,
                sha256=sha256,
                size=_size(headers, status),
                sources=(Source(MARKETPLACE, url),),
            ),
            file_type="Model",
            format=FORMAT_OF_EXTENSION.get(PurePosixPath(name).suffix.lower(), "Other"),
            primary=True,
            digests=(("SHA256", sha256),) if sha256 else (),
            warnings=() if sha256 else (trusted_at_first(host),),
        )
        page = PublishedVersion(
            source=MARKETPLACE, model_name=PurePosixPath(name).stem, page_url=url, files=(file,)
        )
        return (page,)

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        return versions[0].files[0]

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return availabilities(self._changed, wanted)

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        return self._open(source.url, headers)

    def check_token(self) -> TokenState:
        return "unset"

    def _open(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        return checked(self._transport.open("GET", url, headers=headers), _raise_for_refusal)

    def _changed(self, source: Source, sha256: str) -> str:
        with self._open(source.url, {"Range": "bytes=0-0"}) as response:
            now = _published_sha256(response.headers)
        if now in (None, sha256):
            return ""
        return f"{urlsplit(source.url).hostname} now serves another file in its place."


def _raise_for_refusal(response: requests.Response) -> None:
    status, host = response.status_code, urlsplit(response.url or "").hostname
    is_page = "text/html" in response.headers.get("Content-Type", "")
    if status == 416 or (status in (200, 206) and not is_page):
        return
    raise_for_overload(response)
    facts = {"marketplace": MARKETPLACE, "status": status}
    if status in (404, 410):
        raise NotFoundError(
            f"{host} has no such file (any more).", hint="Check the address.", **facts
        )
    if status == 401:
        raise LoginRequiredError(
            f"{host} asks for a login, and Satchel has none for plain addresses.",
            hint="Get the file by hand.",
            **facts,
        )
    if status == 403:
        raise AccessDeniedError(
            f"{host} refuses to serve the file.",
            hint="If its address was one that expires, get a fresh one.",
            **facts,
        )
    if is_page:
        raise NotFoundError(
            f"There is a web page at this address of {host}, and no file.",
            hint="Copy the address of the file itself.",
            **facts,
        )
    raise BadResponseError(
        f"{host} refused the request (HTTP {status}).", hint="Check the address.", **facts
    )


def _name(disposition: str, url: str) -> str:
    """What the server calls the file, or the last part of its address."""
    message = Message()
    message["Content-Disposition"] = disposition
    last = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    named = (message.get_filename() or "").replace("\\", "/").rpartition("/")[2]
    return portable_name(named or last)


def _size(headers: Mapping[str, str], status: int) -> int | None:
    """The whole file's size, which an answer to a range tells apart from its own."""
    if status == 200:
        length = headers.get("Content-Length", "")
        return int(length) if length.isascii() and length.isdigit() else None
    match = _TOTAL.match(headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _published_sha256(headers: Mapping[str, str]) -> str | None:
    """The digest of the whole file, in whichever header it is told."""
    hex_digest = headers.get("X-Checksum-Sha256", "").strip().lower()
    for field in ("Repr-Digest", "Digest"):
        match = _SHA256_FIELD.search(headers.get(field, ""))
        if match:
            try:
                hex_digest = base64.b64decode(match[1], validate=True).hex()
            except binascii.Error:
                continue
    return hex_digest if SHA256_HEX.match(hex_digest) else None
