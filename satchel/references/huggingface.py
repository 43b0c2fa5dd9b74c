"""Hugging Face: `/{owner}/{name}/resolve|blob|raw/{revision}/{path}`, `/tree/…` and `hf://`.

A revision is a branch, a tag, a commit or `refs/pr/N`, written `refs%2Fpr%2FN` or not encoded.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from ..marketplaces.hosts import HUGGINGFACE
from .grammar import WebUrl, checked_path, is_repository, read_url, refuse
from .values import HubReference

GRAMMAR = (
    "https://huggingface.co/owner/name/resolve/main/file.safetensors"
    " or hf://owner/name@main/file.safetensors"
)
_FORMS = ("resolve", "blob", "raw", "tree")
_NO_REPOSITORY = frozenset(
    {"models", "docs", "blog", "papers", "collections", "settings", "organizations", "tasks",
     "pricing", "join", "login", "posts", "learn", "chat", "new"}
)  # fmt: skip
"""First parts of pages that look like repositories without an owner."""


def parse(text: str) -> HubReference | None:
    if text.lower().startswith("hf://"):
        return _hf(text)
    url = read_url(text)
    if url is None or url.host not in HUGGINGFACE.site:
        return None
    segments = url.segments
    if segments[:2] == ("api", "models"):
        segments = segments[2:]
    if not segments or segments[0] in _NO_REPOSITORY:
        raise refuse(text, url.path_position, "it names no repository", GRAMMAR)
    if segments[0] in ("datasets", "spaces"):
        reason = f"Satchel reads model repositories, not {segments[0]}"
        raise refuse(text, url.path_position, reason, GRAMMAR)
    owned = len(segments) < 2 or segments[1] not in _FORMS
    repository, rest = "/".join(segments[: 1 + owned]), segments[1 + owned :]
    if not is_repository(repository, _FORMS):
        raise refuse(text, url.path_position, "it names no repository", GRAMMAR)
    if not rest:
        return HubReference("huggingface", repository)
    if rest[0] not in (*_FORMS, "revision") or len(rest) < 2:
        raise refuse(text, url.path_position, "it is no page of a file or folder", GRAMMAR)
    revision, parts = split_revision(rest[1:])
    return HubReference("huggingface", repository, revision, checked_path(url, parts, GRAMMAR))


def split_revision(segments: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """A revision and what follows it; `refs/pr/3` may be three segments."""
    if segments[0] == "refs" and len(segments) >= 3:
        return "/".join(segments[:3]), segments[3:]
    return segments[0], segments[1:]


def _hf(text: str) -> HubReference:
    segments = tuple(part for part in text[5:].split("/") if part)
    if segments and segments[0] in ("datasets", "spaces"):
        raise refuse(text, 5, f"Satchel reads model repositories, not {segments[0]}", GRAMMAR)
    if segments and segments[0] == "models":
        segments = segments[1:]
    if len(segments) < 2:
        raise refuse(text, len(text), "it names no owner/name", GRAMMAR)
    name, at, revision = segments[1].partition("@")
    if not is_repository(f"{segments[0]}/{name}", _FORMS):
        raise refuse(text, 5, "it names no owner/name", GRAMMAR)
    rest = segments[2:]
    if at and not revision:
        raise refuse(text, text.find("@") + 1, "a revision follows the @", GRAMMAR)
    if at:
        revision, rest = split_revision((revision, *rest))
    url = WebUrl(text, "", segments, {})
    path = checked_path(url, tuple(unquote(part) for part in rest), GRAMMAR)
    return HubReference(
        "huggingface", f"{segments[0]}/{name}", unquote(revision) if at else None, path
    )


def to_text(reference: HubReference) -> str:
    repository = quote(reference.repository)
    path = quote(reference.path) if reference.path else ""
    if reference.revision is None:
        if path:
            return f"hf://{repository}/{path}"
        return f"https://huggingface.co/{repository}"
    revision = quote(reference.revision, safe="")
    is_file = "." in (reference.path or "").rpartition("/")[2]
    form = "resolve" if is_file else "tree"
    return f"https://huggingface.co/{repository}/{form}/{revision}" + (f"/{path}" if path else "")
