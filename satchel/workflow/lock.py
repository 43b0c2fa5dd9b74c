"""The lock: what a workflow needs, written once by its author (schema: docs/lock.schema.json).

The same document rides in `extra.satchel` of a UI graph, in a PNG's `satchel` text, and in
`NAME.lock.json` beside an API graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import __version__
from ..errors import LockError, LockVersionError
from ..folders import posix_name
from ..identity import ModelIdentity
from .facts import FACT_KEYS, NO_FACTS, ModelFacts
from .node_pack import NodePack

LOCK_KEY = "satchel"
"""Key under `extra` of a UI graph, and keyword of the PNG text."""

NEWER_LOCK_KEY = "satchel_newer"
"""Where a lock that only a newer release reads is kept beside one of ours."""

LOCK_VERSION = 1
UNKNOWN_KIND = "unknown"
"""`directory` of a model that no loader and no file here tells the folder of."""
MAX_MODELS = 10_000
MAX_SOURCES = 50_000
"""Of all its models together."""
MAX_PACKS = 10_000
_KEYS = ("version", "generator", "models", "node_packs", "host")
_MODEL_KEYS = (
    "name", "directory", "sha256", "autov3", "size", "sources", *FACT_KEYS, "used_by", "needed",
    "hints", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LockedModel:
    """One model that the workflow names."""

    identity: ModelIdentity
    used_by: tuple[str, ...] = ()
    """Ids of the nodes that name it; inside subgraphs `outer:inner`."""
    reason: str = ""
    """Why it could not be pinned, or is not known to any marketplace; empty when all is well."""
    hints: tuple[str, ...] = ()
    """Addresses in the workflow's notes that name it; nobody pinned what they serve."""
    needed: bool = True
    """Whether a node that runs uses it: muted and bypassed nodes do not, nor do values inside a
    subgraph that its node outside overrides."""
    facts: ModelFacts = NO_FACTS
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Keys that only a newer release knows, kept as they are."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells two entries of a lock apart: directory and name."""
        return self.identity.kind, posix_name(self.identity.name)

    def to_json(self) -> dict[str, Any]:
        value = {**self.identity.to_json(), **self.facts.to_json(), "used_by": list(self.used_by)}
        if not self.needed:
            value["needed"] = False
        if self.hints:
            value["hints"] = list(self.hints)
        if self.reason:
            value["reason"] = self.reason
        return {**value, **dict(sorted(self.more.items()))}


@dataclass(frozen=True, slots=True)
class Lock:
    """A version 1 lock."""

    models: tuple[LockedModel, ...]
    host: Mapping[str, str] = field(default_factory=dict)
    """Versions of `comfyui` and its `frontend` where it was made, when known."""
    node_packs: tuple[NodePack, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    """Keys that only a newer release knows, kept as they are."""

    def to_json(self) -> dict[str, Any]:
        """The document, in an order that makes for small diffs."""
        models = sorted(self.models, key=lambda m: (m.identity.kind, m.identity.name))
        packs = sorted(self.node_packs, key=lambda pack: (pack.key, sorted(pack.node_types)))
        return {
            "version": LOCK_VERSION,
            "generator": f"ComfyUI-Satchel {__version__}",
            "models": [model.to_json() for model in models],
            **({"node_packs": [pack.to_json() for pack in packs]} if packs else {}),
            "host": dict(sorted(self.host.items())),
            **dict(sorted(self.more.items())),
        }

    @classmethod
    def from_json(cls, value: Any) -> Lock:
        """Reads a lock from untrusted JSON; unknown keys are kept.

        Raises:
            LockVersionError: a newer release wrote it.
            LockError: it is malformed.
        """
        version = value.get("version") if isinstance(value, dict) else None
        if type(version) is not int or version < 1:
            raise _malformed("it must be an object with a version", "version")
        if version > LOCK_VERSION:
            raise LockVersionError(
                f"The lock has version {version}; this Satchel reads up to {LOCK_VERSION}.",
                hint="Update Satchel.",
                version=version,
                supported=LOCK_VERSION,
            )
        models = value.get("models")
        if not isinstance(models, list) or len(models) > MAX_MODELS:
            raise _malformed(f"models must be a list of at most {MAX_MODELS}", "models")
        if sum(map(_source_count, models)) > MAX_SOURCES:
            raise _malformed(f"its models have more than {MAX_SOURCES} sources", "models")
        host = value.get("host")
        locked = tuple(_locked_model(model, f"models[{i}]") for i, model in enumerate(models))
        if len({model.key for model in locked}) != len(locked):
            raise _malformed("two models have the same directory and name", "models")
        packs = value.get("node_packs", [])
        if not isinstance(packs, list) or len(packs) > MAX_PACKS:
            raise _malformed(f"node_packs must be a list of at most {MAX_PACKS}", "node_packs")
        return cls(
            locked,
            {str(key): str(text) for key, text in host.items()} if isinstance(host, dict) else {},
            tuple(NodePack.from_json(pack, f"node_packs[{i}]") for i, pack in enumerate(packs)),
            {key: inner for key, inner in value.items() if key not in _KEYS},
        )


def is_lock(value: Any) -> bool:
    """Whether JSON is a lock by itself; a UI graph has `nodes`, an API graph no `models` list."""
    return (
        isinstance(value, dict)
        and type(value.get("version")) is int
        and isinstance(value.get("models"), list)
        and "nodes" not in value
    )


def _source_count(model: Any) -> int:
    sources = model.get("sources") if isinstance(model, dict) else None
    return len(sources) if isinstance(sources, list) else 0


def _locked_model(value: Any, where: str) -> LockedModel:
    identity = ModelIdentity.from_json(value, where)
    used_by = value.get("used_by", [])
    if not isinstance(used_by, list) or not all(type(node) in (str, int) for node in used_by):
        raise _malformed(f"{where}.used_by must be a list of node ids", f"{where}.used_by")
    reason = value.get("reason", "")
    if not isinstance(reason, str):
        raise _malformed(f"{where}.reason must be a text", f"{where}.reason")
    hints = value.get("hints", [])
    if not isinstance(hints, list) or not all(isinstance(hint, str) for hint in hints):
        raise _malformed(f"{where}.hints must be a list of addresses", f"{where}.hints")
    needed = value.get("needed") is not False
    return LockedModel(
        identity, tuple(str(node) for node in used_by), reason, tuple(hints), needed=needed,
        facts=ModelFacts.from_json(value, where),
        more={key: inner for key, inner in value.items() if key not in _MODEL_KEYS},
    )  # fmt: skip


def _malformed(what: str, path: str) -> LockError:
    return LockError(
        f"The lock is malformed: {what}.",
        hint="Export the workflow again, or ask its author to.",
        path=path,
    )
