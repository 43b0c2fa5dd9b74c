"""What models a workflow names: from its graphs, its lock, and what other tools embedded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ..errors import InvalidInputError
from ..folders import posix_name
from ..identity import SHA256_HEX, ModelIdentity, Source
from ..references import (
    CivitaiReference,
    HubReference,
    Reference,
    TrainingReference,
    parse_reference,
)
from .documents import WorkflowDocument
from .lock import UNKNOWN_KIND, LockedModel
from .places import Place, api_places, embedded_models, ui_places
from .subgraphs import definitions_of


@dataclass
class NamedModel:
    """One distinct model name in a workflow, with every node that uses it."""

    kind: str | None
    name: str
    """With `/` between folders, whatever the graph has."""
    used_by: dict[str, None] = field(default_factory=dict)
    """Node ids in graph order (a set that keeps its order)."""
    embedded: dict[str, Any] = field(default_factory=dict)
    """The matching entry of a node's `properties.models`, if any."""


def places_of(document: WorkflowDocument) -> Iterator[Place]:
    """All places of a document; a file that carries both graphs names its models in both."""
    if document.ui is not None:
        yield from ui_places(document.ui)
    if document.api is not None:
        yield from api_places(document.api)


def named_models(document: WorkflowDocument) -> list[NamedModel]:
    """The distinct models of a document, in the order in which the graph names them."""
    found: dict[tuple[str | None, str], NamedModel] = {}
    for place in places_of(document):
        name = posix_name(place.value)
        model = found.setdefault((place.kind, name), NamedModel(place.kind, name))
        model.used_by[place.node] = None
        if not model.embedded:
            model.embedded = _embedded_entry(place)
    for model in [model for model in found.values() if model.kind is None]:
        twins = [m for m in found.values() if m.name == model.name and m.kind is not None]
        if len(twins) == 1:  # a loader tells what a node of another pack names, too
            twins[0].used_by.update(model.used_by)
            del found[None, model.name]
    return list(found.values())


def locked_models(document: WorkflowDocument) -> list[LockedModel]:
    """The document's lock, less what the graph no longer names, and completed with what it does.

    A graph that was edited after its export still carries the whole lock. A graph without one may
    still carry URLs and hashes in `properties.models`.
    """
    models = list(document.lock.models) if document.lock is not None else []
    if document.ui is not None or document.api is not None:
        texts = posix_name("\n".join(_value_texts(document)))
        # By the stem, wherever it stands: a node that only a newer release understands, or a
        # prompt, may name the model in a way that is not known here.
        models = [m for m in models if PurePosixPath(m.identity.name).stem in texts]
    covered = {model.key for model in models}
    names = {name for _, name in covered}
    for named in named_models(document):
        known = named.name in names if named.kind is None else (named.kind, named.name) in covered
        if not known:
            models.append(_from_graph(named))
    return models


def _value_texts(document: WorkflowDocument) -> Iterator[str]:
    """Every text in a widget or an API input; what nodes merely remember does not count."""
    pending: list[Any] = []
    graphs = [document.ui, *definitions_of(document.ui).values()] if document.ui else []
    for graph in graphs:
        nodes = graph.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            pending.append(node.get("widgets_values") if isinstance(node, dict) else None)
    pending += [node.get("inputs") for node in (document.api or {}).values()]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _from_graph(named: NamedModel) -> LockedModel:
    sha256 = str(named.embedded.get("hash") or "").lower()
    is_sha256 = str(named.embedded.get("hash_type") or "").upper() == "SHA256"
    pinned = is_sha256 and SHA256_HEX.match(sha256) is not None
    url = named.embedded.get("url")
    sources = (source_of_url(url),) if isinstance(url, str) and url else ()
    identity = ModelIdentity(
        kind=named.kind or UNKNOWN_KIND,
        name=named.name,
        sha256=sha256 if pinned else None,
        sources=sources,
    )
    reason = "" if pinned else "The workflow does not say which bytes it needs."
    return LockedModel(identity, tuple(named.used_by), reason)


def source_of_url(url: str) -> Source:
    """A source from a URL that somebody else wrote; whether it may be opened is decided later."""
    try:
        reference: Reference | None = parse_reference(url)
    except InvalidInputError:
        reference = None
    match reference:
        case CivitaiReference():
            return Source(
                "civitai",
                url,
                model_id=reference.model_id,
                version_id=reference.version_id,
                file_id=reference.file_id,
            )
        case HubReference() | TrainingReference():
            return Source(reference.source, url)
        case _:
            return Source("https", url)


def _embedded_entry(place: Place) -> dict[str, Any]:
    matches = (m for m in embedded_models(place.owner) if m.get("name") == place.value)
    return next(matches, {})
