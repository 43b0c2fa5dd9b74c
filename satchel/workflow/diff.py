"""What differs between two locks, or between a lock and this machine.

Reads like a package manager's: `+` is new, `-` is gone, `~` is another file or another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..workspace import Workspace
from .collect import locked_models
from .documents import WorkflowDocument
from .lock import LockedModel
from .lock_facts import carried_lock
from .node_pack import NodePack
from .node_packs import packs_of, plan_packs
from .plan import find_here
from .planned import host_name

Sign = Literal["+", "-", "~"]
Subject = Literal["model", "node_pack", "host"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a diff."""

    sign: Sign
    subject: Subject
    name: str
    directory: str = ""
    old: str = ""
    new: str = ""
    what: str = ""
    """In words: what `old` and `new` are."""

    def to_json(self) -> dict[str, Any]:
        return {
            "sign": self.sign,
            "subject": self.subject,
            "name": self.name,
            "directory": self.directory or None,
            "old": self.old or None,
            "new": self.new or None,
            "what": self.what,
        }


# --- two documents -----------------------------------------------------------------------------


def diff_documents(old: WorkflowDocument, new: WorkflowDocument) -> list[Difference]:
    """What became of the first document's models, node packs and host in the second."""
    return [
        *_diff_models(locked_models(old), locked_models(new)),
        *_diff_packs(packs_of(old), packs_of(new)),
        *_diff_host(carried_lock(old).get("host"), carried_lock(new).get("host")),
    ]


def _diff_models(old: Sequence[LockedModel], new: Sequence[LockedModel]) -> Iterator[Difference]:
    before = {model.key: model for model in old}
    after = {model.key: model for model in new}
    gone = {key: model for key, model in before.items() if key not in after}
    for key, model in sorted(after.items()):
        kind, name = key
        if key in before:
            yield from _changed(before[key], model)
            continue
        twin = next((known for known in gone.values() if _same_file(known, model)), None)
        if twin is None:
            yield Difference("+", "model", name, kind, new=_pin(model), what="added")
        else:
            del gone[twin.key]
            yield Difference("~", "model", name, kind, twin.key[1], name, "renamed")
    for (kind, name), model in sorted(gone.items()):
        yield Difference("-", "model", name, kind, old=_pin(model), what="removed")


def _same_file(one: LockedModel, other: LockedModel) -> bool:
    """Whether two entries pin the same bytes in the same folder."""
    sha256 = one.identity.sha256
    same_kind = one.identity.kind == other.identity.kind
    return sha256 is not None and sha256 == other.identity.sha256 and same_kind


def _changed(old: LockedModel, new: LockedModel) -> Iterator[Difference]:
    kind, name = new.key
    if old.identity.sha256 != new.identity.sha256:
        yield Difference("~", "model", name, kind, _pin(old), _pin(new), "other bytes")
    urls = [[source.url for source in model.identity.sources] for model in (old, new)]
    if urls[0] != urls[1]:
        told = [" ".join(each) or "none" for each in urls]
        yield Difference("~", "model", name, kind, told[0], told[1], "other sources")
    if old.needed != new.needed:
        words = ["needed" if model.needed else "optional" for model in (old, new)]
        yield Difference("~", "model", name, kind, words[0], words[1], "other use")


def _diff_packs(old: Iterable[NodePack], new: Iterable[NodePack]) -> Iterator[Difference]:
    before, after = {p.label.lower(): p for p in old}, {p.label.lower(): p for p in new}
    for key in sorted({**before, **after}):
        was, now = before.get(key), after.get(key)
        if was is None and now is not None:
            yield Difference("+", "node_pack", key, new=now.ver, what="added")
        elif now is None and was is not None:
            yield Difference("-", "node_pack", key, old=was.ver, what="removed")
        elif was and now and was.ver != now.ver:
            yield Difference("~", "node_pack", key, "", was.ver, now.ver, "other version")


def _diff_host(old: Any, new: Any) -> Iterator[Difference]:
    before: Mapping[Any, Any] = old if isinstance(old, dict) else {}
    after: Mapping[Any, Any] = new if isinstance(new, dict) else {}
    for name in sorted(map(str, {**before, **after})):
        was, now = str(before.get(name, "")), str(after.get(name, ""))
        if was != now:
            yield Difference("~", "host", name, "", was, now, "other version")


# --- this machine ------------------------------------------------------------------------------


def diff_machine(document: WorkflowDocument, workspace: Workspace) -> list[Difference]:
    """What this machine has otherwise than the document says. No marketplace is asked."""
    library = workspace.library()
    found: list[Difference] = []
    for model in locked_models(document):
        kind, name = model.key
        here = find_here(model, library)
        if here is not None and here.local is not None:
            local = here.local.name
            if here.state == "renamed":
                found.append(Difference("~", "model", name, kind, name, host_name(local),
                                        "here under another name"))  # fmt: skip
            continue
        same_name = workspace.folders.find(kind, name)
        if same_name is not None and model.identity.sha256 is not None:
            digests = library.digests(same_name)
            now = digests.sha256[:12] if digests else ""
            found.append(Difference("~", "model", name, kind, _pin(model), now, "other bytes"))
        else:
            found.append(Difference("-", "model", name, kind, old=_pin(model), what="not here"))
    return [*found, *_packs_here(document, workspace)]


def _packs_here(document: WorkflowDocument, workspace: Workspace) -> Iterator[Difference]:
    for planned in plan_packs(document, workspace.custom_nodes):
        pack = planned.pack
        if planned.installed is None:
            yield Difference("-", "node_pack", pack.label, old=pack.ver, what="not here")
        elif planned.state == "other_version":
            here = planned.here
            yield Difference("~", "node_pack", pack.label, "", pack.ver, here, "other version")


def _pin(model: LockedModel) -> str:
    """The start of a digest, as people compare them."""
    sha256 = model.identity.sha256
    return sha256[:12] if sha256 else "not pinned"
