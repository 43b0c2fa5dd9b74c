"""What a marketplace says about a model beside its bytes, as a lock carries it.

None of it decides anything: it is shown before a download, and credits whoever made the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import LockError
from ..identity import MAX_COUNT
from ..marketplaces.records import PublishedVersion

FACT_KEYS = (
    "base_model", "trigger_words", "licence", "permissions", "nsfw_level", "gated", "page",
)  # fmt: skip
"""Keys of a lock's model that are facts."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts of one model; what is not known is empty and is not written."""

    base_model: str = ""
    """As the marketplace writes it, such as `SDXL 1.0`."""
    trigger_words: tuple[str, ...] = ()
    licence: str = ""
    """A licence's id, such as `apache-2.0`; empty where flags say it."""
    permissions: tuple[tuple[str, bool | str], ...] = ()
    """Civitai's licence flags, by their API names."""
    nsfw_level: int = 0
    """Civitai's bit mask (PG 1, PG13 2, R 4, X 8, XXX 16, blocked 32); 0: not rated."""
    gated: bool = False
    """Whether its terms have to be accepted on its page before it can be fetched."""
    page: str = ""
    """Its page, for people."""

    def to_json(self) -> dict[str, Any]:
        """The keys of a lock's model, without those that are not known."""
        value: dict[str, Any] = {
            "base_model": self.base_model,
            "trigger_words": list(self.trigger_words),
            "licence": self.licence,
            "permissions": dict(sorted(self.permissions)),
            "nsfw_level": self.nsfw_level,
            "gated": self.gated,
            "page": self.page,
        }
        return {key: known for key, known in value.items() if known}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str) -> ModelFacts:
        """Reads the keys of a lock's model; null counts as not there.

        Raises:
            LockError: one has the wrong type.
        """
        words = _typed(value, "trigger_words", where, list, [])
        if not all(isinstance(word, str) for word in words):
            raise _malformed(f"{where}.trigger_words", "a list of texts")
        flags = _typed(value, "permissions", where, dict, {})
        if not all(type(flag) in (bool, str) for flag in flags.values()):
            raise _malformed(f"{where}.permissions", "an object of texts, true and false")
        level = _typed(value, "nsfw_level", where, int, 0)
        if not 0 <= level <= MAX_COUNT:
            raise _malformed(f"{where}.nsfw_level", "a whole number, 0 or more")
        return cls(
            base_model=_typed(value, "base_model", where, str, ""),
            trigger_words=tuple(words),
            licence=_typed(value, "licence", where, str, ""),
            permissions=tuple(sorted(flags.items())),
            nsfw_level=level,
            gated=_typed(value, "gated", where, bool, False),
            page=_typed(value, "page", where, str, ""),
        )


NO_FACTS = ModelFacts()


def facts_of(version: PublishedVersion) -> ModelFacts:
    """What a marketplace's record says."""
    return ModelFacts(
        base_model=version.base_model,
        trigger_words=version.trigger_words,
        licence=version.licence,
        permissions=tuple(sorted(version.permissions)),
        nsfw_level=version.nsfw_level,
        gated=version.status == "gated",
        page=version.page_url,
    )


_EXPECTED = {list: "a list", dict: "an object", int: "a whole number", str: "a text",
             bool: "true or false"}  # fmt: skip


def _typed(value: Mapping[str, Any], key: str, where: str, kind: type, default: Any) -> Any:
    found = value.get(key)
    if found is None:
        return default
    if type(found) is not kind:
        raise _malformed(f"{where}.{key}", _EXPECTED[kind])
    return found


def _malformed(where: str, expected: str) -> LockError:
    return LockError(
        f"The lock is malformed: {where} must be {expected}.",
        hint="Export the workflow again, or ask its author to.",
        path=where,
    )
