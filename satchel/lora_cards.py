"""What a list of all LoRAs shows of each: for which models, trigger words, if it has a picture.

Nothing is hashed for it. Headers that nobody has read yet are read apart (`read_headers`), since
that takes a millisecond or two each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .catalog import Catalog
from .catalog.overview import Overview
from .examine import SAFETENSORS, claim_identities
from .folders import LocalModel
from .lora.architectures import ARCHITECTURES
from .lora.trigger_words import merge_words
from .lora.verdict import title_of
from .preview_cache import PreviewCache, shown_previews
from .progress import Cancellation
from .sidecars import import_sidecars

KIND = "loras"
MAX_WORDS = 8
MAX_WORD = 80
"""A list has room for so many words of so many characters."""


@dataclass(frozen=True, slots=True)
class LoraCard:
    """One file of the list."""

    name: str
    families: tuple[str, ...]
    """Ids of the families of architectures that it may be for; none if unknown."""
    base: str
    """What the base model is called: by a marketplace, by notes, by its modules if these are of one
    family only, else by the header."""
    words: tuple[str, ...]
    preview: int
    """When its picture was changed, in milliseconds; 0: it has none."""

    def to_json(self) -> dict[str, Any]:
        """Without what is empty: a list may have 20,000 of them."""
        value: dict[str, Any] = {
            "name": self.name, "families": self.families, "base": self.base,
            "words": self.words, "preview": self.preview,
        }  # fmt: skip
        return {key: part for key, part in value.items() if part}


def lora_cards(models: Sequence[LocalModel], catalog: Catalog) -> list[LoraCard]:
    """A card for each file, from what is known already.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    known = catalog.overview(KIND)
    found = {model: _same(model, known) for model in models}
    sha256s = {model: one.sha256 for model, one in found.items() if one is not None}
    previews = shown_previews(models, sha256s, PreviewCache.beside(catalog))
    return [_card(model, found[model], previews.get(model, 0)) for model in models]


def unread(models: Iterable[LocalModel], catalog: Catalog) -> list[LocalModel]:
    """Files with a header that nobody has read.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    known = catalog.overview(KIND)
    return [
        model
        for model in models
        if model.path.suffix.lower() in SAFETENSORS
        and ((found := _same(model, known)) is None or found.facts is None)
    ]


def read_headers(
    models: Sequence[LocalModel],
    catalog: Catalog,
    cancellation: Cancellation,
    tried: Collection[LocalModel] = (),
) -> list[LocalModel]:
    """Reads sidecars and the headers that nobody has read; returns the files it opened.

    Args:
        tried: those that are not opened again, such as broken ones.

    Raises:
        CancelledError: it was cancelled; what was read until then is kept.
        CatalogError: the catalog cannot be used.
    """
    import_sidecars(models, catalog, cancellation)
    wanted = [model for model in unread(models, catalog) if model not in tried]
    claim_identities(wanted, catalog, cancellation)
    return wanted


def family_titles() -> dict[str, str]:
    """What people call each family of architectures."""
    members: dict[str, list[str]] = {}
    for id_, architecture in ARCHITECTURES.items():
        members.setdefault(architecture.family_id, []).append(id_)
    return {family: title_of(ids) for family, ids in members.items()}


def _same(model: LocalModel, known: dict[str, Overview]) -> Overview | None:
    """What is known of a file, unless it has changed since."""
    found = known.get(model.key)
    same = found is not None and (found.size, found.mtime_ns) == (model.size, model.mtime_ns)
    return found if same else None


def _card(model: LocalModel, known: Overview | None, preview: int) -> LoraCard:
    if known is None:
        return LoraCard(model.name, (), "", (), preview)
    facts = known.facts or {}
    candidates = [id_ for id_ in facts.get("candidates", ()) if id_ in ARCHITECTURES]
    families = sorted({ARCHITECTURES[id_].family_id for id_ in candidates})
    told = next(filter(None, known.base_models), "")
    by_modules = title_of(candidates) if len(families) == 1 else ""
    base = told or by_modules or facts.get("claimed_base_model") or ""
    words = merge_words(
        [known.own_words, known.published_words, facts.get("trigger_words", ()), known.other_words]
    )
    short = tuple(word[:MAX_WORD] for word in words[:MAX_WORDS])
    return LoraCard(model.name, tuple(families), base[:MAX_WORD], short, preview)
