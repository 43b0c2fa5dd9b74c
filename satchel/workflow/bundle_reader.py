"""Which workflow a zip holds: a bundle of ours, or what others pack (graph beside images).

NAME.json, NAME.api.json    the graph
NAME.lock.json              its lock
input/...                   the images that it loads
models/DIRECTORY/...        models, if they were packed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import LockVersionError, WorkflowFormatError
from .archives import Archive, Member

if TYPE_CHECKING:
    from .documents import WorkflowDocument

    Read = Callable[[bytes, str], WorkflowDocument]
    Found = Sequence[tuple[Member, WorkflowDocument]]

INPUTS = "input/"
MODELS = "models/"
MAX_GRAPH_BYTES = 64 * 1024 * 1024
MAX_GRAPHS = 20
"""How many files of an archive are looked into for a workflow."""
_IMAGES = (".png", ".webp", ".jpg", ".jpeg")


def read_archive(archive: Archive, read: Read) -> WorkflowDocument:
    """The one document of an archive, of its graph in both forms and its lock.

    Args:
        read: reads one file's bytes, which must be no archive.

    Raises:
        WorkflowFormatError: it holds none, or several.
        ArchiveError, LockError: as they are read.
    """
    outside = [m for m in archive.members.values() if not m.name.startswith((INPUTS, MODELS))]
    graphs = [member for member in outside if member.name.lower().endswith(".json")]
    document = _combined(archive, _readable(archive, graphs, read))
    if document is None:
        images = [member for member in outside if member.name.lower().endswith(_IMAGES)]
        document = _combined(archive, _readable(archive, images, read))
    if document is None:
        raise WorkflowFormatError(
            f"{archive.name} holds no ComfyUI workflow.",
            hint="A bundle has the graph as a .json file beside its other files.",
            name=archive.name,
        )
    return replace(document, name=archive.name, image=None, bundle=archive)


def _readable(archive: Archive, members: list[Member], read: Read) -> Found:
    """The documents among these files; JSON that is something else is no matter, nor is a lock
    beside a graph that only a newer release reads."""
    found, newer = [], None
    for member in members[:MAX_GRAPHS]:
        try:
            found.append((member, read(archive.read(member, MAX_GRAPH_BYTES), member.name)))
        except LockVersionError as error:
            newer = error
        except WorkflowFormatError:
            continue
    if newer is not None and not found:
        raise newer
    return found


def _combined(archive: Archive, found: Found) -> WorkflowDocument | None:
    """One document of a UI graph, an API graph and a lock, as far as they are there."""
    uis = [pair for pair in found if pair[1].ui is not None]
    apis = [pair for pair in found if pair[1].api is not None]
    for several in (uis, apis):
        if len(several) > 1:
            names = ", ".join(member.name for member, _ in several[:5])
            raise WorkflowFormatError(
                f"{archive.name} holds several workflows: {names}.",
                hint="Unpack it, and give one of them.",
                name=archive.name,
            )
    # The lock that a graph carries counts before the file beside it.
    locks = [document.lock for _, document in (*uis, *apis, *found) if document.lock is not None]
    if not found or not (uis or apis or locks):
        return None
    return replace(
        found[0][1],
        ui=uis[0][1].ui if uis else None,
        api=apis[0][1].api if apis else None,
        lock=locks[0] if locks else None,
        newer_lock=uis[0][1].newer_lock if uis else None,
    )


def bundled_model(
    members: Mapping[str, Member], kind: str, name: str, size: int | None
) -> Member | None:
    """The member that may be a model; only its SHA256 tells whether it is."""
    member = members.get(f"{MODELS}{kind}/{name}")
    return member if member is not None and size in (None, member.size) else None


def bundled_inputs(archive: Archive) -> dict[str, Member]:
    """Name below ComfyUI's input folder -> member."""
    return {
        name[len(INPUTS) :]: member
        for name, member in archive.members.items()
        if name.startswith(INPUTS)
    }
