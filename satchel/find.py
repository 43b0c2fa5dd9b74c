"""Finds local files by whatever somebody knows of them: a digest, an AIR, a name, a size, words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .catalog import Catalog
from .catalog.files import FileRow
from .errors import AmbiguousReferenceError, ReferenceSyntaxError
from .folders import MODEL_EXTENSIONS, LocalModel
from .references import parse_reference
from .references.values import CivitaiReference, DigestReference, Reference

How = Literal["digest", "claim", "published", "size", "name", "words"]
"""By a digest that was computed; one that is only claimed; as a file of a published version; ..."""

_SIZE = re.compile(r"(?:size:\s*)?([0-9]+)(?:\s*bytes)?\Z", re.IGNORECASE)
_SHORTEST_SIZE = 5
"""Digits: fewer are more likely part of a name."""


@dataclass(frozen=True, slots=True)
class Found:
    """Files, and what the text was taken for."""

    how: How
    models: tuple[LocalModel, ...]


def find(text: str, catalog: Catalog, *, kinds: Sequence[str] = (), limit: int = 50) -> Found:
    """Finds live files of the catalog; what a text can mean is tried in the order of certainty.

    Args:
        text: a digest of any kind, an AIR or Civitai URL, a name or its end with either separator,
            a number of bytes (`size:123` for small ones), else words.
        kinds: host folder names to look in; all without.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    wanted = text.strip()
    reference = _reference(wanted)
    tries: tuple[tuple[How, list[FileRow]], ...] = (
        ("digest", _by_digest(reference, catalog)),
        ("claim", _by_claim(reference, catalog)),
        ("published", _by_version(reference, catalog)),
        ("name", _by_name(wanted, catalog)),
        ("size", _by_size(wanted, catalog)),
    )
    for how, rows in tries:
        chosen = [row.model for row in rows if not kinds or row.kind in kinds]
        if chosen:
            return Found(how, tuple(dict.fromkeys(chosen))[:limit])
    rows = catalog.search.find(wanted, kinds=kinds, limit=limit)
    return Found("words", tuple(row.model for row in rows))


def _reference(text: str) -> Reference | None:
    try:
        return parse_reference(text)
    except (ReferenceSyntaxError, AmbiguousReferenceError):
        return None


def _digests(reference: Reference | None) -> list[tuple[str, str]]:
    """Every (kind, hex) that a bare digest can be."""
    if not isinstance(reference, DigestReference):
        return []
    cut = {"AutoV3": 12}
    return [(kind, reference.hex[: cut.get(kind, 64)]) for kind in reference.kinds]


def _by_digest(reference: Reference | None, catalog: Catalog) -> list[FileRow]:
    return [
        row for kind, hex_ in _digests(reference) for row in catalog.files.with_digest(kind, hex_)
    ]


def _by_claim(reference: Reference | None, catalog: Catalog) -> list[FileRow]:
    return [
        row
        for kind, hex_ in _digests(reference)
        if kind in ("SHA256", "AutoV3")
        for row in catalog.files.with_claim(hex_)
    ]


def _by_version(reference: Reference | None, catalog: Catalog) -> list[FileRow]:
    """Files of the version, or of all versions of the model, that an AIR or a URL names."""
    if not isinstance(reference, CivitaiReference):
        return []
    if reference.version_id is not None:
        known = catalog.records.by_version("civitai", str(reference.version_id))
        records = [known] if known else []
    else:
        records = catalog.records.by_model("civitai", str(reference.model_id))
    rows: list[FileRow] = []
    for record in records:
        for file in record.version.files:
            ids = {source.file_id for source in file.identity.sources}
            if reference.file_id is None or reference.file_id in ids:
                for kind, hex_ in file.digests:
                    if kind in ("SHA256", "AutoV3"):
                        rows += catalog.files.with_digest(kind, hex_)
    return rows


def _by_name(text: str, catalog: Catalog) -> list[FileRow]:
    name = text.replace("\\", "/")
    if not name.strip("/"):
        return []
    if any(name.lower().endswith(extension) for extension in MODEL_EXTENSIONS):
        return catalog.files.with_name(name)
    folder, _, stem = name.strip("/").rpartition("/")
    rows = catalog.files.with_stem(stem)
    return [row for row in rows if f"/{row.name}".lower().rpartition("/")[0].endswith(
        f"/{folder}".lower() if folder else ""
    )]  # fmt: skip


def _by_size(text: str, catalog: Catalog) -> list[FileRow]:
    match = _SIZE.match(text)
    if match is None or (text[0].isdigit() and len(match[1]) < _SHORTEST_SIZE):
        return []
    size = int(match[1])
    return catalog.files.with_size(size) if size < 1 << 62 else []
