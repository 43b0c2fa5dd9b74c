"""AIR names: `urn:air:{ecosystem}:{type}:{source}:{id}[@{version}][+{fileId}][.{format}]`.

The expression is the reference parser's (`@civitai/client` 0.2.0, Air.js), traps included: its
version takes dots, so `9208.safetensors` is one; groups may hold what is no number; spaces and `%`
fit nowhere. Ecosystem and type mean nothing here: sites disagree about both.
"""

from __future__ import annotations

import re

from .grammar import is_repository, number, refuse
from .values import CivitaiReference, HubReference, Reference

GRAMMAR = (
    "urn:air:sdxl:lora:civitai:1@2 (model@version, with +3 for a file) or"
    " urn:air:flux1:vae:huggingface:owner/name@main/file.safetensors"
)
_AIR = re.compile(
    r"(?:urn:)?(?:air:)?(?:(?P<ecosystem>[\w\-/]+):)?(?:(?P<type>[\w\-/]+):)?"
    r"(?P<source>[\w\-/]+):(?P<id>[\w\-/.]+)(?:@(?P<version>[\w\-/.]+))?(?:\+(?P<file>\d+))?"
    r"(?:\.(?P<format>[\w\-]+))?\Z",
    re.IGNORECASE | re.ASCII,
)
_LEADING_NUMBER = re.compile(r"([0-9]{1,18})(?:\.[\w\-]+)*\Z", re.ASCII)
_CHARACTER = re.compile(r"[^\w\-/.:@+]", re.ASCII)
_SOURCES = frozenset(
    {"civitai", "huggingface", "civitai-r2", "orchestrator", "comfyregistry", "oci"}
)
MAX_LENGTH = 2000


def parse(text: str) -> Reference | None:
    begun = re.match(r"urn:air:|air:", text, re.IGNORECASE) is not None
    if len(text) > MAX_LENGTH:
        if begun:
            raise refuse(text, MAX_LENGTH, "it is too long for an AIR", GRAMMAR)
        return None
    match = _AIR.match(text)
    if match is None:
        if not begun:
            return None
        odd = _CHARACTER.search(text)
        if odd:
            raise refuse(text, odd.start(), f"an AIR has no {odd[0]!r}", GRAMMAR)
        raise refuse(text, len(text), "an AIR names a source and an id in it", GRAMMAR)
    source = match["source"].lower()
    if source == "civitai":
        return _civitai(text, match)
    if source == "huggingface":
        return _huggingface(text, match)
    if begun or source in _SOURCES:
        reason = f"Satchel fetches nothing from AIRs of the source {match['source']!r}"
        raise refuse(text, match.start("source"), reason, GRAMMAR)
    return None


def _civitai(text: str, match: re.Match[str]) -> CivitaiReference:
    model_id = number(match["id"])
    if model_id is None:
        raise refuse(text, match.start("id"), "a Civitai model's id is a number", GRAMMAR)
    if match["version"] is None:
        return CivitaiReference(model_id, file_id=number(match["file"]))
    digits = _LEADING_NUMBER.match(match["version"])
    version_id = number(digits[1]) if digits else None
    if version_id is None:
        raise refuse(text, match.start("version"), "a Civitai version is a number", GRAMMAR)
    return CivitaiReference(model_id, version_id, number(match["file"]))


def _huggingface(text: str, match: re.Match[str]) -> HubReference:
    if not is_repository(match["id"]):
        raise refuse(text, match.start("id"), "a repository is owner/name", GRAMMAR)
    revision, _, path = (match["version"] or "").partition("/")
    if any(part in ("", ".", "..") for part in path.split("/")) and path:
        raise refuse(text, match.start("version"), "its path is not plain", GRAMMAR)
    return HubReference("huggingface", match["id"], revision or None, path or None)
