"""A node pack as a lock names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import LockError

_KEYS = ("cnr_id", "aux_id", "repository", "version", "commit", "node_types")


@dataclass(frozen=True, slots=True)
class NodePack:
    """One pack. Without any id it stands for types of which nobody knows the pack."""

    cnr_id: str = ""
    aux_id: str = ""
    repository: str = ""
    """https address, for repositories that are not on GitHub."""
    version: str = ""
    commit: str = ""
    node_types: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Keys that only a newer release knows."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells two packs apart; the name of a repository has no case."""
        return self.cnr_id, "" if self.cnr_id else self.aux_id.lower(), self.repository

    @property
    def address(self) -> str:
        """Where its repository is, as https; empty when nobody knows."""
        return f"https://github.com/{self.aux_id}" if self.aux_id else self.repository

    @property
    def label(self) -> str:
        """What people call it."""
        return self.cnr_id or self.address.removeprefix("https://")

    @property
    def ver(self) -> str:
        """`properties.ver`: the commit pins more than a version."""
        return self.commit or self.version

    def to_json(self) -> dict[str, Any]:
        value = {key: getattr(self, key) for key in _KEYS if key != "node_types"}
        return {
            **{key: text for key, text in value.items() if text},
            "node_types": sorted(self.node_types),
            **dict(sorted(self.more.items())),
        }

    @classmethod
    def from_json(cls, value: Any, where: str) -> NodePack:
        """Reads an entry of a lock's `node_packs`.

        Raises:
            LockError: a field has the wrong type.
        """
        if not isinstance(value, dict):
            raise _malformed(where, "an object")
        texts = {key: value.get(key) or "" for key in _KEYS if key != "node_types"}
        for key, text in texts.items():
            if not isinstance(text, str):
                raise _malformed(f"{where}.{key}", "a text")
        types = value.get("node_types", [])
        if not isinstance(types, list) or not all(isinstance(one, str) for one in types):
            raise _malformed(f"{where}.node_types", "a list of texts")
        more = {key: inner for key, inner in value.items() if key not in _KEYS}
        return cls(**texts, node_types=tuple(dict.fromkeys(types)), more=more)


def _malformed(where: str, expected: str) -> LockError:
    return LockError(
        f"The lock is malformed: {where} must be {expected}.",
        hint="Export the workflow again, or ask its author to.",
        path=where,
    )
