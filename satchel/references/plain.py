"""What is left: plain https addresses, and names of files that are here."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ..folders import MODEL_EXTENSIONS, posix_name
from ..urls import without_secrets
from .grammar import URL_GRAMMAR, read_url, refuse, without_space
from .values import FileNameReference, UrlReference

NAME_GRAMMAR = "the name of a file in a model folder, such as styles/ink.safetensors"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://")
_WHOLE_PATH = re.compile(r"[/~]|[A-Za-z]:")


def parse_url(text: str) -> UrlReference | None:
    """An address on a host that no other grammar knows; its secrets and fragment are dropped."""
    url = read_url(text)
    if url is None:
        scheme = _SCHEME.match(text)
        if scheme is None:
            return None
        raise refuse(text, 0, f"{scheme[1]!r} is no scheme to fetch models by", URL_GRAMMAR)
    if text[:6].lower() != "https:":
        raise refuse(text, 0, "files are fetched by https only", URL_GRAMMAR)
    if not url.segments:
        raise refuse(text, url.path_position, "it names a site but no file", URL_GRAMMAR)
    bare = without_secrets(text).partition("#")[0]
    _, _, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return UrlReference(without_space(f"https://{host.lower()}{slash}{path}"))


def parse_name(text: str) -> FileNameReference | None:
    """A relative name that ends like a model file."""
    name = posix_name(text)
    if PurePosixPath(name).suffix.lower() not in MODEL_EXTENSIONS or "\n" in name:
        return None
    if _WHOLE_PATH.match(name):
        raise refuse(text, 0, "it is a path of one machine, not a model's name", NAME_GRAMMAR)
    parts = name.split("/")
    for index, part in enumerate(parts):
        if part in ("", ".", ".."):
            position = len("/".join(parts[:index])) + (index > 0)
            raise refuse(text, position, "its path is not plain", NAME_GRAMMAR)
    return FileNameReference(name)
