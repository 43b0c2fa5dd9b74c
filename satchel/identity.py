"""What a model *is*, whatever it is called here: the value that catalog, lock and UI share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import LockError

SHA256_HEX = re.compile(r"[0-9a-f]{64}\Z")
AUTOV3_HEX = re.compile(r"[0-9a-f]{12}\Z")
MAX_COUNT = 2**53 - 1
"""Largest whole number that every reader of JSON keeps exact."""

_SOURCE_KEYS = ("kind", "url", "air", "model_id", "version_id", "file_id")


@dataclass(frozen=True, slots=True)
class Source:
    """One place that serves a model's bytes."""

    kind: str
    """Which marketplace knows how to open it: `civitai`."""
    url: str
    """A public, canonical https URL: no token, no query that expires."""
    air: str | None = None
    model_id: int | None = None
    version_id: int | None = None
    file_id: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Keys that only a newer release knows, kept as they are."""

    def to_json(self) -> dict[str, Any]:
        fields = {
            "kind": self.kind,
            "url": self.url,
            "air": self.air,
            "model_id": self.model_id,
            "version_id": self.version_id,
            "file_id": self.file_id,
        }
        known = {key: value for key, value in fields.items() if value is not None}
        return {**known, **dict(sorted(self.more.items()))}

    @classmethod
    def from_json(cls, value: Any, where: str = "sources[]") -> Source:
        """Reads a lock's source; unknown keys are kept, so that newer locks lose nothing.

        Raises:
            LockError: a field has the wrong type.
        """
        table = _table(value, where)
        return cls(
            kind=_text(table, "kind", where),
            url=_text(table, "url", where),
            air=_optional_text(table, "air", where),
            model_id=_optional_count(table, "model_id", where),
            version_id=_optional_count(table, "version_id", where),
            file_id=_optional_count(table, "file_id", where),
            more={key: inner for key, inner in table.items() if key not in _SOURCE_KEYS},
        )


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model file, named by its bytes."""

    kind: str
    """Host folder name; the lock and the stock frontend call it `directory`."""
    name: str
    """The name that the graph uses, with `/` between folders."""
    sha256: str | None = None
    size: int | None = None
    autov3: str | None = None
    sources: tuple[Source, ...] = ()
    """In the order to try them."""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "directory": self.kind,
            "sha256": self.sha256,
            "autov3": self.autov3,
            "size": self.size,
            "sources": [source.to_json() for source in self.sources],
        }

    @classmethod
    def from_json(cls, value: Any, where: str = "models[]") -> ModelIdentity:
        """Reads an entry of a lock's `models`.

        Raises:
            LockError: a field is missing, or has the wrong type or form.
        """
        table = _table(value, where)
        sources = table.get("sources", [])
        if not isinstance(sources, list):
            raise _malformed(f"{where}.sources", "a list")
        return cls(
            kind=_text(table, "directory", where),
            name=_text(table, "name", where),
            sha256=_optional_hex(table, "sha256", where, SHA256_HEX, "64 hex digits"),
            size=_optional_count(table, "size", where),
            autov3=_optional_hex(table, "autov3", where, AUTOV3_HEX, "12 hex digits"),
            sources=tuple(
                Source.from_json(source, f"{where}.sources[{index}]")
                for index, source in enumerate(sources)
            ),
        )


def _malformed(where: str, expected: str) -> LockError:
    return LockError(
        f"The lock is malformed: {where} must be {expected}.",
        hint="Export the workflow again, or ask its author to.",
        path=where,
    )


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _malformed(where, "an object")
    return value


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise _malformed(f"{where}.{key}", "a text")
    return value


def _optional_text(table: Mapping[str, Any], key: str, where: str) -> str | None:
    return None if table.get(key) is None else _text(table, key, where)


def _optional_count(table: Mapping[str, Any], key: str, where: str) -> int | None:
    value = table.get(key)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise _malformed(f"{where}.{key}", "a whole number, 0 or more")
    return value


def _optional_hex(
    table: Mapping[str, Any], key: str, where: str, form: re.Pattern[str], expected: str
) -> str | None:
    text = _optional_text(table, key, where)
    if text is None:
        return None
    if not form.match(text.lower()):
        raise _malformed(f"{where}.{key}", expected)
    return text.lower()
