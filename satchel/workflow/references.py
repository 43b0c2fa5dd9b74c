"""Sources that an author gives for models which no marketplace was found to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import HashMismatchError, InvalidInputError
from ..identity import ModelIdentity
from ..references import Reference, to_text
from ..resolving import resolve_reference
from ..workspace import Workspace
from .export import flat_names
from .lock import Lock, LockedModel
from .scrub import with_public_sources


def with_references(
    lock: Lock, references: Mapping[tuple[str, str], Reference], workspace: Workspace
) -> Lock:
    """The lock with what references say of some of its models, as far as it is the same file.

    Args:
        references: by directory and name, as an exported graph has the name.

    Raises:
        InvalidInputError: the lock has no such model, or the source does not tell its bytes.
        HashMismatchError: the source has another file than this machine.
        SatchelError: as `resolve_reference`.
    """
    names = flat_names(lock)
    wanted = {
        model.key: references[key]
        for model in lock.models
        if (key := (model.identity.kind, names[model.key])) in references
    }
    if len(wanted) < len(references):
        known = {(model.identity.kind, names[model.key]) for model in lock.models}
        kind, name = next(key for key in references if key not in known)
        raise InvalidInputError(
            f"The workflow names no {kind}/{name}.", hint="Export it again.", name=name
        )
    models = (
        _with_reference(model, wanted[model.key], workspace) if model.key in wanted else model
        for model in lock.models
    )
    return replace(lock, models=tuple(models))


def _with_reference(model: LockedModel, reference: Reference, workspace: Workspace) -> LockedModel:
    found = resolve_reference(reference, model.identity.kind, workspace).identity
    ours = model.identity
    if found.sha256 is None or not found.sources:
        raise InvalidInputError(
            f"{to_text(reference)} does not tell which bytes it serves: nobody could check them.",
            hint="Give a page or an AIR of Civitai or Hugging Face, or the SHA256 of the file.",
            name=ours.name,
        )
    if ours.sha256 not in (None, found.sha256):
        raise HashMismatchError(
            f"{to_text(reference)} is another file than {ours.name}: its SHA256 is "
            f"{found.sha256}, not {ours.sha256}.",
            hint="Look for the version that you have, or use that one in the graph.",
            expected=ours.sha256,
            actual=found.sha256,
            source=found.sources[0].kind,
        )
    return replace(model, identity=_joined(ours, found), reason="")


def _joined(ours: ModelIdentity, found: ModelIdentity) -> ModelIdentity:
    """Our name and bytes, their sources."""
    joined = replace(
        ours,
        sha256=found.sha256,
        size=found.size if ours.size is None else ours.size,
        autov3=ours.autov3 or found.autov3,
        sources=found.sources,
    )
    return with_public_sources(joined)
