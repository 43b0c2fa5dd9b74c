"""Civitai's pages, downloads and API routes, on any of its domains.

`/models/{id}[/{slug}][?modelVersionId=]`, `/model-versions/{id}`, `/images/{id}`,
`/api/download/models/{version}[?fileId=]` and the routes below `/api/v1`.
"""

from __future__ import annotations

from ..marketplaces.hosts import CIVITAI
from . import digests
from .grammar import WebUrl, is_site, number, read_url, refuse
from .values import CivitaiReference, Reference

GRAMMAR = (
    "https://civitai.com/models/1?modelVersionId=2, https://civitai.com/api/download/models/2"
    " or https://civitai.com/images/3"
)


def parse(text: str) -> Reference | None:
    url = read_url(text)
    if url is None or not is_site(url.host, CIVITAI.site):
        return None
    path = url.segments[2:] if url.segments[:2] == ("api", "v1") else url.segments
    if path[:2] == ("model-versions", "by-hash") and len(path) == 3:
        return digests.parse(path[2])
    return _page(url, path) or _refused(url)


def _page(url: WebUrl, path: tuple[str, ...]) -> CivitaiReference | None:
    file_id = url.number_in_query("fileId", GRAMMAR)
    match path:
        case ("models", model, *_):
            version_id = url.number_in_query("modelVersionId", GRAMMAR)
            return CivitaiReference(_id(url, model), version_id, file_id)
        case ("model-versions", version) | ("api", "download", "models", version):
            return CivitaiReference(version_id=_id(url, version), file_id=file_id)
        case ("model-versions", "mini", version):
            wanted = url.number_in_query("modelFileId", GRAMMAR)
            return CivitaiReference(version_id=_id(url, version), file_id=wanted)
        case ("images", image):
            return CivitaiReference(image_id=_id(url, image))
        case _:
            return None


def _id(url: WebUrl, segment: str) -> int:
    found = number(segment)
    if found is None:
        position = url.text.find(segment, url.path_position)
        raise refuse(url.text, max(position, url.path_position), "that is no id", GRAMMAR)
    return found


def _refused(url: WebUrl) -> CivitaiReference:
    reason = "it is no page of a model, a version or an image"
    raise refuse(url.text, url.path_position, reason, GRAMMAR)


def to_text(reference: CivitaiReference) -> str:
    site = "https://civitai.com"
    if reference.image_id is not None:
        return f"{site}/images/{reference.image_id}"
    file = f"fileId={reference.file_id}" if reference.file_id is not None else ""
    if reference.model_id is None:
        return f"{site}/api/download/models/{reference.version_id}" + (f"?{file}" if file else "")
    version = f"modelVersionId={reference.version_id}" if reference.version_id is not None else ""
    query = "&".join(part for part in (version, file) if part)
    return f"{site}/models/{reference.model_id}" + (f"?{query}" if query else "")
