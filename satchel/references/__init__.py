"""Texts that name a model, parsed to one frozen value, and values written back as texts.

Adding a form is one file with its grammar, and one line in `GRAMMARS`.
"""

from __future__ import annotations

import re

from ..marketplaces.hosts import HOSTS
from . import air, civarchive, civitai, digests, huggingface, modelscope, plain, trainings
from .grammar import URL_GRAMMAR, Parse, refuse
from .values import (
    ArchiveReference,
    CivitaiReference,
    DigestKind,
    DigestReference,
    FileNameReference,
    HubReference,
    Reference,
    TrainingReference,
    UrlReference,
)

GRAMMARS: tuple[tuple[str, Parse], ...] = (
    (digests.GRAMMAR, digests.parse),
    (civitai.GRAMMAR, civitai.parse),
    (huggingface.GRAMMAR, huggingface.parse),
    (modelscope.GRAMMAR, modelscope.parse),
    (civarchive.GRAMMAR, civarchive.parse),
    (trainings.GRAMMAR, trainings.parse),
    (URL_GRAMMAR, plain.parse_url),
    (air.GRAMMAR, air.parse),
    (plain.NAME_GRAMMAR, plain.parse_name),
)
"""(how it is written, its parser), in the order to try them."""

_GRAMMAR = "a SHA256, a model's URL, an AIR (urn:air:sdxl:lora:civitai:1@2) or a file's name"
_SITES = frozenset(host for hosts in HOSTS.values() for host in hosts.site)
_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_LENGTH = 1 << 20


def parse_reference(text: str) -> Reference:
    """Parses what a user, a URL or a graph says about which model is meant.

    Space around it does not count, nor does a missing `https://` before a host that is known.

    Raises:
        ReferenceSyntaxError: it is none of the known forms, or breaks the rules of its own;
            `details` has the position and the grammar.
        AmbiguousReferenceError: it is the answer of a training that made several files.
    """
    stripped = text.strip()
    if len(stripped) > MAX_LENGTH:
        raise refuse(stripped, MAX_LENGTH, "it is far too long", _GRAMMAR)
    broken = _SURROGATE.search(stripped)
    if broken:
        raise refuse(stripped, broken.start(), "that is half a character", _GRAMMAR)
    if stripped.replace("\\", "/").partition("/")[0].lower() in _SITES:
        stripped = f"https://{stripped}"
    for _, parse in GRAMMARS:
        reference = parse(stripped)
        if reference is not None:
            return reference
    raise refuse(stripped, 0, "it is none of the known forms", _GRAMMAR)


def to_text(reference: Reference) -> str:
    """The canonical text of a reference: public, without secrets, and parsed to the same value."""
    match reference:
        case DigestReference():
            return digests.to_text(reference)
        case CivitaiReference():
            return civitai.to_text(reference)
        case HubReference(source="huggingface"):
            return huggingface.to_text(reference)
        case HubReference():
            return modelscope.to_text(reference)
        case ArchiveReference():
            return civarchive.to_text(reference)
        case TrainingReference():
            return trainings.to_text(reference)
        case UrlReference():
            return reference.url
        case FileNameReference():
            return reference.name


__all__ = [
    "ArchiveReference", "CivitaiReference", "DigestKind", "DigestReference", "FileNameReference",
    "HubReference", "Reference", "TrainingReference", "UrlReference", "parse_reference", "to_text",
]  # fmt: skip
