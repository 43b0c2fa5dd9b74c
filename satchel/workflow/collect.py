"""What models a workflow names: from its graphs, its lock, and what other tools embedded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from ..errors import InvalidInputError, WorkflowFormatError
from ..folders import posix_name
from ..identity import SHA256_HEX, ModelIdentity, Source
from ..references import (
    CivitaiReference,
    HubReference,
    Reference,
    TrainingReference,
    parse_reference,
)
from .bare_names import BareNames
from .documents import WorkflowDocument
from .lock import MAX_MODELS, UNKNOWN_KIND, LockedModel
from .notes import hints_in
from .place import Place, embedded_by_name
from .places import api_places, ui_places
from .subgraphs import definitions_of

_MAX_SEARCHED = 200_000_000
"""Models of a lock times characters of a graph. 200 models in 1 MB of text are a lot."""


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
    bare: bool = False
    """Whether the name has no extension, as in a prompt."""
    needed: bool = False
    """Whether a node that runs uses it; others are muted, bypassed or overridden."""


def places_of(document: WorkflowDocument) -> Iterator[Place]:
    """All places of a document; a file that carries both graphs names its models in both."""
    if document.ui is not None:
        yield from ui_places(document.ui)
    if document.api is not None:
        yield from api_places(document.api)


def named_models(document: WorkflowDocument) -> list[NamedModel]:
    """The distinct models of a document, in the order in which the graph names them.

    Raises:
        WorkflowFormatError: it names more than any lock can hold, or its subgraphs multiply.
    """
    found: dict[tuple[str | None, str], NamedModel] = {}
    entries: dict[int, dict[str, Any]] = {}
    for place in places_of(document):
        name = posix_name(place.value)
        model = found.setdefault((place.kind, name), NamedModel(place.kind, name, bare=place.bare))
        model.used_by[place.node] = None
        model.needed |= place.use == "active"
        if len(found) > MAX_MODELS:
            raise WorkflowFormatError(
                f"The workflow names more than {MAX_MODELS} models.",
                hint="Give a workflow saved or exported by ComfyUI.",
                limit=MAX_MODELS,
            )
        if not model.embedded:
            owner = place.owner
            if id(owner) not in entries:
                entries[id(owner)] = embedded_by_name(owner)
            model.embedded = entries[id(owner)].get(place.value, {})
    twins: dict[str, list[NamedModel]] = {}
    for model in found.values():
        if model.kind is not None:
            twins.setdefault(model.name, []).append(model)
    for model in [model for model in found.values() if model.kind is None]:
        same = twins.get(model.name, [])
        if len(same) == 1:  # a loader tells what a node of another pack names, too
            _merge(same[0], model)
            del found[None, model.name]
    whole = KeyIndex((str(m.kind), m.name) for m in found.values() if m.kind and not m.bare)
    for key, model in [(key, model) for key, model in found.items() if model.bare]:
        twin = whole.find(model.kind, model.name, bare=True)
        if twin is not None:
            _merge(found[twin], model)
            del found[key]
    return list(found.values())


def _merge(into: NamedModel, model: NamedModel) -> None:
    into.used_by.update(model.used_by)
    into.needed |= model.needed


def locked_models(document: WorkflowDocument) -> list[LockedModel]:
    """The document's lock, less what the graph no longer names, and completed with what it does.

    A graph that was edited after its export still carries the whole lock. A graph without one may
    still carry URLs and hashes in `properties.models`.
    """
    models = list(document.lock.models) if document.lock is not None else []
    if document.ui is not None or document.api is not None:
        models = _still_named(models, document)
    covered = KeyIndex(model.key for model in models)
    names = {model.key[1] for model in models}
    by_key = {model.key: index for index, model in enumerate(models)}
    for named in named_models(document):
        key = covered.find(named.kind, named.name, bare=named.bare)
        if key is None and not (named.kind is None and named.name in names):
            models.append(_from_graph(named))
        elif key is not None:
            # The graph may have been edited since: what it says now counts.
            models[by_key[key]] = replace(models[by_key[key]], needed=named.needed)
    return with_hints(models, hints_in(document))


def with_hints(
    models: Iterable[LockedModel], hints: Mapping[str, tuple[str, ...]]
) -> list[LockedModel]:
    """The models, those without a source with what the notes say about their file names."""
    return [
        model if model.identity.sources
        else replace(model, hints=hints.get(PurePosixPath(model.identity.name).name.lower(), ()))
        for model in models
    ]  # fmt: skip


class KeyIndex:
    """The entries of a lock, looked through once: hostile ones have ten thousand."""

    def __init__(self, keys: Iterable[tuple[str, str]]) -> None:
        self._keys = set(keys)
        self._by_name: dict[str, list[tuple[str, str]]] = {}
        by_kind: dict[str, list[str]] = {}
        for kind, name in self._keys:
            self._by_name.setdefault(name, []).append((kind, name))
            by_kind.setdefault(kind, []).append(name)
        self._bare = {kind: BareNames(names) for kind, names in by_kind.items()}

    def find(self, kind: str | None, name: str, *, bare: bool) -> tuple[str, str] | None:
        """The entry that a graph's name means; None when there is none, or not just one."""
        if kind is None:
            matches = self._by_name.get(name, [])
            return matches[0] if len(matches) == 1 else None
        if bare:
            found = self._bare[kind].match(name) if kind in self._bare else None
            return (kind, found) if found is not None else None
        return (kind, name) if (kind, name) in self._keys else None


def _still_named(models: list[LockedModel], document: WorkflowDocument) -> list[LockedModel]:
    """The models of a lock whose stem stands in a value of the graph, wherever: a node that only a
    newer release understands, or a prompt, may name a model in a way that is not known here."""
    if not models:
        return []
    texts = posix_name("\n".join(_value_texts(document)))
    if len(models) * len(texts) > _MAX_SEARCHED:
        # It would take minutes. What is not looked for stays, to be seen in the plan.
        return models
    return [model for model in models if PurePosixPath(model.identity.name).stem in texts]


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
    return LockedModel(identity, tuple(named.used_by), reason, needed=named.needed)


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
