"""What a lock tells about models beside their bytes: for people, who decide before they fetch.

Read from the lock's JSON as it came. All of it is somebody else's word: it is shown, and nothing
follows from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..folders import posix_name
from ..marketplaces.civitai_records import PERMISSIONS
from ..marketplaces.records import MATURE
from .documents import WorkflowDocument
from .lock import LOCK_KEY

MAX_TEXT = 500
MAX_WORDS = 50
_RATINGS = ((16, "XXX"), (8, "X"), (4, "R"), (2, "PG-13"), (1, "PG"))
"""Bits of Civitai's NSFW level, the strongest first."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Facts about one model; empty where the lock does not say."""

    licence: str = ""
    nsfw_level: int = 0
    """Civitai's bit mask; 0: not rated."""
    base_model: str = ""
    trigger_words: tuple[str, ...] = ()
    gated: bool = False
    permissions: tuple[tuple[str, bool | str], ...] = ()
    """Civitai's licence flags, by their API names."""

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> ModelFacts:
        """The facts of one entry of a lock's `models`; what is of another type is left out."""
        level = entry.get("nsfw_level")
        words = entry.get("trigger_words")
        return cls(
            licence=_licence(entry.get("licence")),
            nsfw_level=level if type(level) is int and 0 <= level < 2**16 else 0,
            base_model=_text(entry.get("base_model")),
            trigger_words=tuple(
                _text(word) for word in words[:MAX_WORDS] if isinstance(word, str)
            ) if isinstance(words, list) else (),
            gated=entry.get("gated") is True,
            permissions=tuple(_permissions(entry.get("permissions"))),
        )  # fmt: skip

    @property
    def rating(self) -> str:
        """The strongest content that its author declared; empty when not rated."""
        return next((name for bit, name in _RATINGS if self.nsfw_level & bit), "")

    @property
    def notes(self) -> list[str]:
        """What somebody should know before fetching it."""
        return [
            *([f"licence: {self.licence}"] if self.licence else []),
            *([f"content: {self.rating}"] if self.nsfw_level >= MATURE else []),
            *(["gated: its page has to be accepted first"] if self.gated else []),
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "licence": self.licence or None,
            "nsfw_level": self.nsfw_level or None,
            "base_model": self.base_model or None,
            "trigger_words": list(self.trigger_words),
            "gated": self.gated,
            "permissions": dict(self.permissions),
        }


NO_FACTS = ModelFacts()


def carried_lock(document: WorkflowDocument) -> Mapping[str, Any]:
    """A document's lock as JSON, with the keys that only newer releases know where it has them."""
    extra = (document.ui or {}).get("extra") if document.newer_lock is None else None
    carried = extra.get(LOCK_KEY) if isinstance(extra, dict) else None
    known: dict[str, Any] = document.lock.to_json() if document.lock is not None else {}
    return {**known, **carried} if isinstance(carried, dict) else known


def model_facts(document: WorkflowDocument) -> dict[tuple[str, str], ModelFacts]:
    """(directory, name) -> what the lock tells about that model."""
    found = {}
    models = carried_lock(document).get("models")
    for entry in models if isinstance(models, list) else ():
        if isinstance(entry, dict):
            key = (str(entry.get("directory")), posix_name(str(entry.get("name"))))
            found[key] = ModelFacts.from_json(entry)
    return found


def _text(value: Any) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _permissions(value: Any) -> Iterator[tuple[str, bool | str]]:
    for name in PERMISSIONS if isinstance(value, dict) else ():
        flag = value.get(name)
        if isinstance(flag, bool | str):
            yield name, flag[:MAX_TEXT] if isinstance(flag, str) else flag


def _licence(value: Any) -> str:
    """A licence's name, or what its flags forbid: Civitai publishes both as an object."""
    if isinstance(value, dict):
        named = _text(value.get("id")) or _text(value.get("name"))
        flags = ", ".join(f"{key}={flag}" for key, flag in sorted(value.items())
                          if isinstance(flag, bool))  # fmt: skip
        return named or flags[:MAX_TEXT]
    return _text(value)
