"""Everything that is known about one file of the library, and what the user writes about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .catalog import Catalog
from .catalog.notes import USER, Note
from .errors import InvalidInputError
from .folders import LocalModel
from .marketplaces.records import PublishedVersion
from .model_info import model_info
from .shelf import Item
from .updates import newer_versions

MAX_NOTE = 20_000
MAX_WORDS = 100
MAX_WORD = 500


def model_details(model: LocalModel, catalog: Catalog, copies: list[Item]) -> dict[str, Any]:
    """What a page shows of a file; asks nobody and hashes nothing.

    Args:
        copies: the other files with the same bytes.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    (info,) = model_info([model], catalog)
    version, own = info.version, user_note(model, catalog)
    newer = newer_versions(version, catalog, lambda it: _is_here(it, catalog)) if version else []
    return {
        **info.to_json(),
        "digests": info.digests.by_kind() if info.digests else {},
        "claims": [
            {"kind": claim.kind, "hex": claim.hex, "origin": claim.origin}
            for claim in info.claims
            if claim.plausible
        ],
        "author": version.author if version else "",
        "description": version.description if version else "",
        "sources": [_source(known.version) for known in info.records],
        "newer": [_source(newer) for newer in newer],
        "copies": [{"directory": c.model.kind, "name": c.model.name} for c in copies],
        "note": {"text": own.text, "trigger_words": list(own.words)},
    }


def user_note(model: LocalModel, catalog: Catalog) -> Note:
    """What the user has written about a file's bytes; an empty note without that."""
    return next((note for note in catalog.notes.of(model) if note.origin == USER), Note())


def write_note(model: LocalModel, text: str, words: list[str], catalog: Catalog) -> Note:
    """Keeps the user's own text and trigger words; the rest of the user's note stays.

    Raises:
        InvalidInputError: it is longer than a note may be.
        CatalogError: the catalog cannot be used.
    """
    words = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    if len(text) > MAX_NOTE or len(words) > MAX_WORDS or any(len(w) > MAX_WORD for w in words):
        raise InvalidInputError(
            f"A note has at most {MAX_NOTE} characters and {MAX_WORDS} trigger words of"
            f" {MAX_WORD} characters.",
            hint="Shorten it.",
        )
    note = replace(user_note(model, catalog), text=text.strip(), words=tuple(words))
    catalog.notes.put(model, [note])
    return note


def _is_here(version: PublishedVersion, catalog: Catalog) -> bool:
    return any(
        row.gone_at is None
        for file in version.files
        for kind, hex_ in file.digests
        if kind in ("SHA256", "AutoV3")
        for row in catalog.files.with_digest(kind, hex_)
    )


def _source(version: PublishedVersion) -> dict[str, Any]:
    return {
        "source": version.source,
        "model": version.model_name,
        "version": version.version_name,
        "base_model": version.base_model,
        "published_at": version.published_at or None,
        "status": version.status,
        "air": version.air or None,
        "page": version.page_url or None,
    }
