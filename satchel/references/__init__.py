"""Texts that name a model: a SHA256, a Civitai URL or an AIR, parsed to one frozen value.

AIR grammar (`@civitai/client`, Air.js): `urn:air:{ecosystem}:{type}:{source}:{id}@{version}`,
optionally with `+fileId` and `.format`.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from ..errors import ReferenceSyntaxError
from ..identity import SHA256_HEX
from ..marketplaces.hosts import CIVITAI
from .values import CivitaiReference, DigestReference, Reference

_AIR = re.compile(
    r"(?:urn:)?(?:air:)?(?:[a-z0-9_/-]+:){0,2}civitai:[0-9]{1,18}@(?P<version>[0-9]{1,18})"
    r"(?:\+(?P<file>[0-9]{1,18}))?(?:\.[a-z0-9]+)?\Z",
    re.IGNORECASE,
)
_DOWNLOAD_PATH = re.compile(r"/api/download/models/([0-9]{1,18})/?\Z")
_VERSION_PATH = re.compile(r"/(?:api/v1/)?model-versions/([0-9]{1,18})/?\Z")
_MODEL_PATH = re.compile(r"/models/([0-9]+)(?:/[^/]*)?/?\Z")
_NUMBER = re.compile(r"[0-9]{1,18}\Z")

_GRAMMAR = (
    "Write a SHA256, a Civitai URL with a version"
    " (https://civitai.com/models/1?modelVersionId=2, https://civitai.com/api/download/models/2)"
    " or an AIR (urn:air:sdxl:lora:civitai:1@2)."
)


def parse_reference(text: str) -> Reference:
    """Parses what a user, a URL or a graph says about where a model comes from.

    Raises:
        ReferenceSyntaxError: none of the known forms, or a Civitai page without a version.
    """
    stripped = text.strip()
    if SHA256_HEX.match(stripped.lower()):
        return DigestReference("SHA256", stripped.lower())
    air = _AIR.match(stripped)
    if air is not None:
        file_id = air["file"]
        return CivitaiReference(
            version_id=int(air["version"]), file_id=int(file_id) if file_id else None
        )
    if "://" in stripped:
        return _parse_url(stripped)
    raise _unreadable(text, "it is none of the known forms")


def _parse_url(text: str) -> Reference:
    try:
        parts = urlsplit(text)
        query = parse_qs(parts.query)
    except ValueError:
        raise _unreadable(text, "it is no valid URL") from None
    if (parts.hostname or "").lower() not in CIVITAI.site:
        raise _unreadable(text, "it is no address of Civitai")
    file_id = _number(query.get("fileId"))
    for pattern in (_DOWNLOAD_PATH, _VERSION_PATH):
        match = pattern.search(parts.path)
        if match:
            return CivitaiReference(version_id=int(match[1]), file_id=file_id)
    version_id = _number(query.get("modelVersionId"))
    if version_id is not None:
        return CivitaiReference(version_id=version_id, file_id=file_id)
    if _MODEL_PATH.search(parts.path):
        raise _unreadable(text, "it names a model page but not one of its versions")
    raise _unreadable(text, "it is no model page")


def _number(values: list[str] | None) -> int | None:
    return int(values[0]) if values and _NUMBER.match(values[0]) else None


def _unreadable(text: str, reason: str) -> ReferenceSyntaxError:
    return ReferenceSyntaxError(
        f"{text!r} does not name a model: {reason}.", hint=_GRAMMAR, text=text, position=0
    )


__all__ = ["CivitaiReference", "DigestReference", "Reference", "parse_reference"]
