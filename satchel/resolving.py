"""Tells which one file a reference means, and whether and where it can be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .errors import ModelNotFoundError
from .folders import LEGACY_KINDS
from .identity import ModelIdentity
from .marketplaces.base import Availability
from .marketplaces.records import PublishedFile, PublishedVersion
from .marketplaces.resolver import Resolver
from .references import FileNameReference, Reference, to_text
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference stands for."""

    reference: Reference
    identity: ModelIdentity
    access: Availability
    version: PublishedVersion | None = None
    """None for a file that is here only."""
    file: PublishedFile | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "reference": to_text(self.reference),
            "model": self.identity.to_json(),
            "access": self.access.access,
            "reason": self.access.reason or None,
            "digests": dict(self.file.digests) if self.file else {},
            "warnings": list(self.file.warnings) if self.file else [],
            "version": self.version.to_json() if self.version else None,
        }


def resolve_reference(reference: Reference, kind: str | None, workspace: Workspace) -> Resolved:
    """Asks marketplaces; a file's name is looked for here, and hashed if nobody has yet.

    Args:
        kind: the folder it is meant for, whatever the marketplace says.

    Raises:
        ModelNotFoundError: no file here has that name.
        SatchelError: as `Resolver.published`.
    """
    resolver = workspace.resolver()
    version: PublishedVersion | None = None
    file: PublishedFile | None = None
    if isinstance(reference, FileNameReference):
        identity = _local_identity(reference.name, workspace)
    else:
        version, file = resolver.published(reference)
        identity = file.identity
    kind = LEGACY_KINDS.get(kind, kind) if kind else identity.kind
    identity = _with_all_sources(replace(identity, kind=kind), resolver)
    access = resolver.availability([identity])[0]
    return Resolved(reference, identity, access, version, file)


def licence_text(facts: Mapping[str, Any]) -> str:
    """A licence's id, or the flags that stand for one; empty when nothing is known.

    Args:
        facts: `licence` and `permissions`, as a published version's JSON has them.
    """
    told = [
        f"{name} {str(flag).lower() if isinstance(flag, bool) else flag}"
        for name, flag in facts.get("permissions", {}).items()
    ]
    return str(facts.get("licence") or ", ".join(told))


def _local_identity(name: str, workspace: Workspace) -> ModelIdentity:
    """What a file here is, by its bytes."""
    library = workspace.library()
    found = library.find_by_file_name(name)
    exact = [local for local in found if local.name == name]
    if not found:
        raise ModelNotFoundError(
            f"No model file here is called {name}.",
            hint="Say where models are with --models, or give a URL, an AIR or a digest.",
            name=name,
            directory="",
        )
    local = (exact or found)[0]
    digests = library.digests(local)
    return ModelIdentity(
        local.kind,
        local.name,
        digests.sha256 if digests else None,
        local.size,
        digests.autov3 if digests else None,
    )


def _with_all_sources(identity: ModelIdentity, resolver: Resolver) -> ModelIdentity:
    if identity.sha256 is None:
        return identity
    more = resolver.look_up([identity.sha256]).sources[identity.sha256]
    urls = {source.url for source in identity.sources}
    new = tuple(source for source in more if source.url not in urls)
    return replace(identity, sources=identity.sources + new)
