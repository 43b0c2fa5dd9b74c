"""Trigger words of a file that the catalog knows of: the user's own, a marketplace's, others'."""

from __future__ import annotations

from dataclasses import dataclass

from .catalog import Catalog
from .catalog.notes import USER
from .folders import LocalModel
from .model_info import model_info


@dataclass(frozen=True, slots=True)
class KnownWords:
    """Words by how far they go before those of the file's own header."""

    before: tuple[str, ...] = ()
    """The user's own, then what marketplaces told."""
    after: tuple[str, ...] = ()
    """What other programs left beside the file."""


def known_words(model: LocalModel, catalog: Catalog) -> KnownWords:
    """Reads neither the file nor its header.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    (info,) = model_info([model], catalog, read_headers=False)
    sidecars = {note.origin for note in info.notes} - {USER}
    said = [(origin, words) for origin, words in info.words_by_origin() if origin != "header"]
    return KnownWords(
        tuple(word for origin, words in said if origin not in sidecars for word in words),
        tuple(word for origin, words in said if origin in sidecars for word in words),
    )
