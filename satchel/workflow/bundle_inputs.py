"""The images of a bundle, put where ComfyUI's loaders look for them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..errors import UnsafePathError
from ..folders import posix_name
from .archives import Archive, Member
from .bundle import input_names
from .bundle_reader import bundled_inputs
from .documents import Json, WorkflowDocument

MAX_INPUT_BYTES = 1024 * 1024 * 1024


def needed_inputs(document: WorkflowDocument) -> dict[str, Member]:
    """The inputs that a document's graph names and its bundle has."""
    packed = bundled_inputs(document.bundle) if document.bundle is not None else {}
    return {name: packed[name] for name in input_names(document) if name in packed}


def with_input_names(api: Json, names: Mapping[str, str]) -> Json:
    """A copy of an API graph that names its inputs in another way."""
    renamed = copy.deepcopy(api)
    for node in renamed.values():
        inputs = node.get("inputs")
        for key, value in inputs.items() if isinstance(inputs, dict) else ():
            name = posix_name(value.removesuffix(" [input]")) if isinstance(value, str) else ""
            if name in names:
                inputs[key] = names[name]
    return renamed


def place_inputs(document: WorkflowDocument, folder: Path) -> WorkflowDocument:
    """Writes a bundle's inputs below ComfyUI's input folder; the document names them as they are.

    A file with those bytes is used as it is. One with others is kept, and ours gets a free name.

    Raises:
        ArchiveError: the bundle is damaged.
        UnsafePathError: a link leads out of the folder.
        OSError: the folder cannot be written to.
    """
    if document.bundle is None or document.api is None:
        return document
    names = {
        name: _place(document.bundle, member, folder, name)
        for name, member in needed_inputs(document).items()
    }
    return replace(document, api=with_input_names(document.api, names))


def _place(archive: Archive, member: Member, folder: Path, name: str) -> str:
    content = archive.read(member, MAX_INPUT_BYTES)
    wanted, number = PurePosixPath(name), 0
    while True:
        suffix = f" ({number})" if number else ""
        relative = wanted.with_name(f"{wanted.stem}{suffix}{wanted.suffix}")
        path = folder.joinpath(*relative.parts)
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UnsafePathError(
                f"{name} is refused: a link leads it out of the input folder.",
                hint="Check the links inside ComfyUI's input folder.",
                name=name,
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                file.write(content)
        except FileExistsError:
            if not (path.stat().st_size == len(content) and path.read_bytes() == content):
                number += 1
                continue
        return relative.as_posix()
