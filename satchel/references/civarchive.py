"""CivArchive: `/sha256/{hex}`, `/models/{id}?modelVersionId=` and `/{platform}/models/{id}`."""

from __future__ import annotations

import re
from urllib.parse import quote

from ..identity import SHA256_HEX
from ..marketplaces.hosts import CIVARCHIVE
from .grammar import read_url, refuse
from .values import ArchiveReference

GRAMMAR = "https://civarchive.com/sha256/… or https://civarchive.com/models/1?modelVersionId=2"
_WORD = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")


def parse(text: str) -> ArchiveReference | None:
    url = read_url(text)
    if url is None or url.host not in CIVARCHIVE.site:
        return None
    segments = url.segments
    if segments[:1] == ("api",):
        segments = segments[2:] if segments[1:2] == ("v1",) else segments[1:]
    version: str | None = url.query.get("modelVersionId")
    match segments:
        case ("sha256", digest) if SHA256_HEX.match(digest.lower()):
            return ArchiveReference(digest.lower())
        case ("models", model):
            platform = "civitai"
        case (platform, "models", model):
            pass
        case (platform, "models", model, "versions", version):
            pass
        case _:
            raise refuse(text, url.path_position, "it is no page of a model", GRAMMAR)
    for part in (platform, model, version):
        if part is not None and not _WORD.match(part):
            raise refuse(text, url.path_position, f"{part[:40]!r} is no id", GRAMMAR)
    return ArchiveReference(None, platform, model, version)


def to_text(reference: ArchiveReference) -> str:
    site = "https://civarchive.com"
    if reference.sha256 is not None:
        return f"{site}/sha256/{reference.sha256}"
    model, version = quote(reference.model_id or ""), quote(reference.version_id or "")
    if reference.platform == "civitai":
        return f"{site}/models/{model}" + (f"?modelVersionId={version}" if version else "")
    page = f"{site}/{quote(reference.platform or '')}/models/{model}"
    return page + (f"/versions/{version}" if version else "")
