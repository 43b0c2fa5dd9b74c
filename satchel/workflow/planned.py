"""What a plan is: values that say what importing a workflow would do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from ..downloads.space import SPARE_BYTES
from ..folders import PICKLE_EXTENSIONS, LocalModel
from ..marketplaces.hosts import source_of_host
from .archives import Member
from .lock import LockedModel
from .lock_facts import NO_FACTS, ModelFacts
from .node_packs import PlannedPack

PlanState = Literal["present", "renamed", "missing", "login", "gone", "refused"]


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model and what would happen to it."""

    model: LockedModel
    state: PlanState
    local: LocalModel | None = None
    """The file here that will be used."""
    reason: str = ""
    """One sentence, when the state alone does not say enough."""
    target: Path | None = None
    """Where it would be installed; only for `missing` models that can be fetched."""
    bundled: Member | None = None
    """Where the bundle has it, instead of a marketplace; its bytes are still to be verified."""
    wanted: bool = True
    """Whether the plan is about it: not if only nodes that do not run name it, unless asked for."""
    facts: ModelFacts = NO_FACTS
    """What its lock tells about it for people."""

    @property
    def bytes_key(self) -> tuple[str, str | None]:
        """What two entries share when one file serves both: directory and SHA256."""
        return self.model.identity.kind, self.model.identity.sha256

    @property
    def size(self) -> int | None:
        """Bytes, of the file that is here or of the one that would come; None: nobody tells."""
        if self.local is not None:
            return self.local.size
        member = self.bundled.size if self.bundled is not None else None
        return self.model.identity.size if self.model.identity.size is not None else member

    @property
    def here(self) -> bool:
        """Whether a file here serves it."""
        return self.state in ("present", "renamed")

    @property
    def source(self) -> str | None:
        """Host of the first place that it would come from, or `bundle`."""
        if self.bundled is not None:
            return "bundle"
        sources = self.model.identity.sources
        return _host_of(sources[0].url) if sources else None

    def to_json(self) -> dict[str, Any]:
        identity = self.model.identity
        return {
            "name": identity.name,
            "directory": identity.kind,
            "state": self.state,
            "local": host_name(self.local.name) if self.local else None,
            "source": self.source,
            "known_source": self.bundled is not None or bool(source_of_host(self.source or "")),
            "can_run_code": PurePosixPath(identity.name).suffix.lower() in PICKLE_EXTENSIONS,
            "bytes": self.size,
            "sha256": identity.sha256,
            "fetch": self.target is not None,
            "optional": not self.model.needed,
            "reason": self.reason or None,
            "hints": list(self.model.hints),
            "used_by": list(self.model.used_by),
            **self.facts.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What importing a workflow would do."""

    models: tuple[PlannedModel, ...]
    bytes_free: int
    """Free space where the models would go."""
    node_packs: tuple[PlannedPack, ...] = ()
    notes: tuple[str, ...] = ()
    """What else there is to know about the workflow, one sentence each."""

    @property
    def to_fetch(self) -> list[PlannedModel]:
        """The files to fetch: bytes that are wanted under two names come once."""
        files: dict[tuple[str, str | None], PlannedModel] = {}
        for planned in self.models:
            if planned.target is not None:
                files.setdefault(planned.bytes_key, planned)
        return list(files.values())

    @property
    def bytes_to_fetch(self) -> int:
        return sum(planned.size or 0 for planned in self.to_fetch)

    @property
    def ok(self) -> bool:
        """Whether every model that a run needs is here, if perhaps under another name."""
        return all(planned.here for planned in self.models if planned.wanted)

    @property
    def installable(self) -> bool:
        """Whether there is something to fetch, and room for it."""
        fits = self.bytes_to_fetch + SPARE_BYTES <= self.bytes_free
        return bool(self.to_fetch) and fits

    def to_json(self) -> dict[str, Any]:
        return {
            "models": [planned.to_json() for planned in self.models],
            "node_packs": [pack.to_json() for pack in self.node_packs],
            "bytes_to_fetch": self.bytes_to_fetch,
            "bytes_free": self.bytes_free,
            "ok": self.ok,
            "notes": list(self.notes),
            "installable": self.installable,
        }


def host_name(name: str) -> str:
    """A model's name as the host's lists on this system spell it."""
    return name.replace("/", os.sep)


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
