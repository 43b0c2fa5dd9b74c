"""ModelScope: `/models/{owner}/{name}/resolve/{revision}/{path}`, its pages and its API route.

`.ai` is the international site; both name repositories alike.
"""

from __future__ import annotations

from urllib.parse import quote

from ..marketplaces.hosts import MODELSCOPE
from .grammar import checked_path, is_repository, read_url, refuse
from .values import HubReference

GRAMMAR = "https://www.modelscope.cn/models/owner/name/resolve/master/file.safetensors"


def parse(text: str) -> HubReference | None:
    url = read_url(text)
    if url is None or url.host not in MODELSCOPE.site:
        return None
    segments = url.segments[2:] if url.segments[:2] == ("api", "v1") else url.segments
    if segments[:1] != ("models",) or len(segments) < 3:
        raise refuse(text, url.path_position, "it names no models/owner/name", GRAMMAR)
    repository = "/".join(segments[1:3])
    if not is_repository(repository):
        raise refuse(text, url.path_position, "it names no models/owner/name", GRAMMAR)
    match segments[3:]:
        case () | ("summary" | "files" | "feedback",):
            return HubReference("modelscope", repository)
        case ("repo",):
            parts = tuple(part for part in url.query.get("FilePath", "").split("/") if part)
            revision = url.query.get("Revision")
            return HubReference(
                "modelscope", repository, revision, checked_path(url, parts, GRAMMAR)
            )
        case ("resolve" | "tree", revision, *rest) | ("file", "view", revision, *rest):
            path = checked_path(url, tuple(rest), GRAMMAR)
            return HubReference("modelscope", repository, revision, path)
        case _:
            raise refuse(text, url.path_position, "it is no page of a file", GRAMMAR)


def to_text(reference: HubReference) -> str:
    page = f"https://www.modelscope.cn/models/{quote(reference.repository)}"
    path = quote(reference.path) if reference.path else ""
    if reference.revision is None:
        api = f"https://www.modelscope.cn/api/v1/models/{quote(reference.repository)}/repo"
        return f"{api}?FilePath={path}" if path else page
    revision = quote(reference.revision, safe="")
    return f"{page}/resolve/{revision}/{path}" if path else f"{page}/tree/{revision}"
