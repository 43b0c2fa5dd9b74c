"""What is known about a local file, all of it from the catalog: no network, and no hashing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .catalog import Catalog
from .catalog.notes import USER, Claim, Note
from .catalog.records import KnownVersion
from .examine import claim_identities
from .folders import LocalModel
from .hashes import FileDigests
from .lora.trigger_words import merge_words
from .marketplaces.records import PublishedFile, PublishedVersion

Identified = Literal["bytes", "tensors", "claim", "no"]
"""How the record was found: by the file's own SHA256; by its AutoV3 (the same tensors under another
header); by what its header or a sidecar claims; not at all."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One file, with everything that was learnt about it."""

    model: LocalModel
    digests: FileDigests | None
    """`None` until it was hashed."""
    facts: dict[str, Any]
    """Of its header; empty until it was read."""
    notes: tuple[Note, ...]
    claims: tuple[Claim, ...]
    records: tuple[KnownVersion, ...]
    """Published versions that it is, the most reliable first."""
    identified: Identified

    @property
    def version(self) -> PublishedVersion | None:
        return self.records[0].version if self.records else None

    @property
    def file(self) -> PublishedFile | None:
        """The file of the version that this one is."""
        if self.version is None:
            return None
        return next((file for file in self.version.files if _hexes(self) & set(file.digests)), None)

    @property
    def base_model(self) -> str:
        """As the marketplace writes it, else as notes or the header claim."""
        if self.version is not None and self.version.base_model:
            return self.version.base_model
        noted = (note.base_model for note in self.notes if note.base_model)
        return next(noted, self.facts.get("claimed_base_model") or "")

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """From all sources, each word once: the user's own first."""
        return tuple(merge_words(words for _, words in self.words_by_origin()))

    def words_by_origin(self) -> list[tuple[str, tuple[str, ...]]]:
        """(who says so, words): `user`, a marketplace's kind, `header`, then sidecars."""
        own = [note for note in self.notes if note.origin == USER]
        others = [note for note in self.notes if note.origin != USER]
        header = ("header", tuple(self.facts.get("trigger_words", ())))
        published = [(known.version.source, known.version.trigger_words) for known in self.records]
        said = [
            *((note.origin, note.words) for note in own),
            *published,
            header,
            *((note.origin, note.words) for note in others),
        ]
        return [(origin, words) for origin, words in said if words]

    def to_json(self) -> dict[str, Any]:
        """The shape that `satchel find --json` prints."""
        version = self.version
        return {
            "name": self.model.name,
            "directory": self.model.kind or None,
            "path": str(self.model.path),
            "size": self.model.size,
            "sha256": self.digests.sha256 if self.digests else None,
            "autov3": self.digests.autov3 if self.digests else None,
            "identified": self.identified,
            "air": version.air or None if version else None,
            "source": version.source if version else None,
            "page": version.page_url or None if version else None,
            "model": version.model_name if version else None,
            "version": version.version_name if version else None,
            "base_model": self.base_model or None,
            "trigger_words": list(self.trigger_words),
            "words_by_origin": [
                {"origin": origin, "words": list(words)} for origin, words in self.words_by_origin()
            ],
            "tags": _tags(self),
            "licence": version.licence or None if version else None,
            "permissions": dict(version.permissions) if version else {},
            "nsfw_level": version.nsfw_level if version else 0,
            "status": version.status if version else None,
            "notes": [
                {"origin": note.origin, "text": note.text} for note in self.notes if note.text
            ],
        }


def model_info(
    models: Sequence[LocalModel], catalog: Catalog, *, read_headers: bool = True
) -> list[ModelInfo]:
    """What is known about files.

    Args:
        read_headers: reads the headers of files that were never looked at, which takes
            milliseconds each.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    facts = catalog.files.facts(models)
    if read_headers:
        claim_identities([model for model in models if model not in facts], catalog)
        facts = catalog.files.facts(models)
    digests = catalog.files.digests(models)
    return [_info(model, digests.get(model), facts.get(model, {}), catalog) for model in models]


def _info(
    model: LocalModel, digests: FileDigests | None, facts: dict[str, Any], catalog: Catalog
) -> ModelInfo:
    claims = tuple(catalog.notes.claims(model)) if digests is None else ()
    records, identified = _records(digests, claims, catalog)
    notes = tuple(catalog.notes.of(model))
    return ModelInfo(model, digests, facts, notes, claims, tuple(records), identified)


def _records(
    digests: FileDigests | None, claims: Sequence[Claim], catalog: Catalog
) -> tuple[list[KnownVersion], Identified]:
    wanted: list[tuple[Identified, str, str]]
    if digests is not None:
        wanted = [("bytes", "SHA256", digests.sha256)]
        if digests.autov3:
            wanted.append(("tensors", "AutoV3", digests.autov3))
    else:
        wanted = [("claim", claim.kind, claim.hex) for claim in claims if claim.plausible]
    found = catalog.records.by_digests((kind, hex_) for _, kind, hex_ in wanted)
    for identified, kind, hex_ in wanted:
        if records := found.get((kind, hex_)):
            return records, identified
    return [], "no"


def _hexes(info: ModelInfo) -> set[tuple[str, str]]:
    if info.digests is not None:
        return {(str(kind), hex_) for kind, hex_ in info.digests.by_kind().items()}
    return {(claim.kind, claim.hex) for claim in info.claims}


def _tags(info: ModelInfo) -> list[str]:
    published = [known.version.tags for known in info.records]
    return list(dict.fromkeys(
        tag for tags in (*published, *(note.tags for note in info.notes)) for tag in tags
    ))  # fmt: skip
