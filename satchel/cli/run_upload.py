"""What `satchel run` sends of a bundle: the models that the server lacks, and the images."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..folders import posix_name
from ..progress import Progress
from ..workflow.archives import Member
from ..workflow.bundle_inputs import MAX_INPUT_BYTES, needed_inputs, with_input_names
from ..workflow.bundle_reader import MODELS
from ..workflow.documents import WorkflowDocument
from ..workspace import Workspace
from .run_outputs import models_of
from .server import Server
from .terminal import plain, size_text


def offered_models(document: WorkflowDocument) -> list[dict[str, Any]]:
    """The models of the document's bundle, as the server's `/plan` takes them."""
    members = document.bundle.members if document.bundle is not None else {}
    offered = []
    for name, member in members.items():
        directory, _, below = name.removeprefix(MODELS).partition("/")
        if name.startswith(MODELS) and below:
            offered.append({"directory": directory, "name": below, "bytes": member.size})
    return offered


def models_to_send(plan: Mapping[str, Any], document: WorkflowDocument) -> list[Member]:
    """The members that a plan of the server takes from the bundle, the same bytes once."""
    members = document.bundle.members if document.bundle is not None else {}
    found: dict[tuple[str, str], Member] = {}
    for model in models_of(plan):
        directory = str(model.get("directory"))
        member = members.get(f"{MODELS}{directory}/{posix_name(str(model.get('name')))}")
        if member is not None and model.get("fetch") and model.get("source") == "bundle":
            found.setdefault((directory, str(model.get("sha256"))), member)
    return list(found.values())


def uploads_text(document: WorkflowDocument, models: Sequence[Member]) -> list[str]:
    """A line for the models that are sent, and one for the images."""
    images = list(needed_inputs(document).values())
    return [
        plain(f"To upload from {document.name}: {_counted(members, what)}.")
        for what, members in (("model", models), ("image", images))
        if members
    ]


def _counted(members: Sequence[Member], what: str) -> str:
    size = size_text(sum(member.size for member in members))
    return f"{len(members)} {what}{'s' if len(members) > 1 else ''}, {size}"


def send_models(
    document: WorkflowDocument, models: Sequence[Member], server: Server, workspace: Workspace
) -> str:
    """Uploads a bundle with the graph and these models alone; returns the server's id of it.

    Raises:
        ArchiveError: the bundle is damaged.
        SatchelError: the server does not take it.
    """
    return server.upload_bundle(_bundle_pieces(document, models, workspace))


def _bundle_pieces(
    document: WorkflowDocument, models: Sequence[Member], workspace: Workspace
) -> Iterator[bytes]:
    """The bytes of that bundle, made while they are sent: it may be too large for this disk."""
    assert document.bundle is not None
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("workflow.api.json", json.dumps(document.api))
        if document.ui is not None:
            archive.writestr("workflow.json", json.dumps(document.ui))
        for index, member in enumerate(models):
            with archive.open(zipfile.ZipInfo(member.name), "w", force_zip64=True) as target:
                for done in document.bundle.copy(member, target):
                    workspace.report(
                        Progress("uploading", member.name.removeprefix(MODELS), done, member.size,
                                 index, len(models))
                    )  # fmt: skip
                    yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Where a zip is written to piece by piece; it cannot seek, so `zipfile` does not."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._written += content
        return len(content)

    def taken(self) -> bytes:
        """What was written since the last time; each piece of a model is more than nothing."""
        found = bytes(self._written)
        self._written.clear()
        return found


def send_inputs(api: dict[str, Any], document: WorkflowDocument, server: Server,
                workspace: Workspace) -> dict[str, Any]:  # fmt: skip
    """The graph, with a bundle's images on the server, under the names that they got there."""
    if document.bundle is None:
        return api
    names, needed = {}, needed_inputs(document)
    for index, (name, member) in enumerate(needed.items()):
        workspace.report(Progress("uploading", name, 0, member.size, index, len(needed)))
        names[name] = server.upload_input(name, document.bundle.read(member, MAX_INPUT_BYTES))
    return with_input_names(api, names)
