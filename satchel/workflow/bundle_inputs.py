"""The images of a bundle, put where ComfyUI's loaders look for them."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import UnsafePathError
from ..folders import posix_name
from .archives import Archive, Member
from .bundle import input_names
from .bundle_reader import bundled_inputs
from .documents import Json, WorkflowDocument
from .subgraphs import definitions_of

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


def with_ui_input_names(ui: Json, names: Mapping[str, str]) -> Json:
    """The same for a UI graph and its subgraphs."""
    renamed = copy.deepcopy(ui)
    for graph in (renamed, *definitions_of(renamed).values()):
        nodes = graph.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            if isinstance(node, dict) and "load" in str(node.get("type")).lower():
                _rename_values(node.get("widgets_values"), names)
    return renamed


def _rename_values(values: Any, names: Mapping[str, str]) -> None:
    """Changes a node's widget values in place, which are a list or an object."""
    keys: Iterable[Any] = range(len(values)) if isinstance(values, list) else ()
    for key in list(values) if isinstance(values, dict) else keys:
        value = values[key]
        name = posix_name(value.removesuffix(" [input]")) if isinstance(value, str) else ""
        if name in names:
            values[key] = names[name]


def inputs_to_write(document: WorkflowDocument, folder: Path) -> dict[str, Member]:
    """The inputs of a bundle that ComfyUI's input folder does not have as they are."""
    return {
        name: member
        for name, member in needed_inputs(document).items()
        if not _is_there(member, folder.joinpath(*name.split("/")))
    }


def _is_there(member: Member, path: Path) -> bool:
    """By size and checksum: of a file that only looks the same, nothing is written over."""
    try:
        if path.stat().st_size != member.size:
            return False
        return zlib.crc32(path.read_bytes()) == member.info.CRC
    except OSError:
        return False


def place_inputs(document: WorkflowDocument, folder: Path) -> WorkflowDocument:
    """Writes a bundle's inputs below ComfyUI's input folder; the document names them as they are.

    A file with those bytes is used as it is. One with others is kept, and ours gets a free name.

    Raises:
        ArchiveError: the bundle is damaged.
        UnsafePathError: a link leads out of the folder.
        OSError: the folder cannot be written to.
    """
    if document.bundle is None:
        return document
    names = {
        name: _place(document.bundle, member, folder, name)
        for name, member in needed_inputs(document).items()
    }
    ui, api = document.ui, document.api
    return replace(
        document,
        ui=None if ui is None else with_ui_input_names(ui, names),
        api=None if api is None else with_input_names(api, names),
    )


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
