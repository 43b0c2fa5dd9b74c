"""One `.zip` that holds a whole workflow: graph, lock, the files it loads, models if wanted.

Two bundles of the same things are the same bytes: entries are sorted, carry no dates, and are
stored as they are, since two builds of one compressor do not agree.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..downloads.space import SPARE_BYTES, check_space
from ..errors import InsufficientSpaceError, InvalidInputError, UnsafePathError
from ..file_names import checked_name
from ..folders import posix_name
from ..progress import Progress
from ..workspace import Workspace
from .archives import Archive
from .bundle_reader import INPUTS, MODELS
from .documents import WorkflowDocument
from .export import PortableWorkflow
from .subgraphs import definitions_of

MEDIA = frozenset({
    ".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".mp4", ".webm",
    ".mov", ".mkv", ".avi", ".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".latent", ".glb",
})  # fmt: skip
"""What nodes load from ComfyUI's input folder."""
MAX_INPUTS = 1000
COPY_BYTES = 4 * 1024 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip can say."""


@dataclass
class BundleContents:
    """What goes into a bundle, decided before a byte is written."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """A sentence for each thing that should be in there and is not here."""


def bundle_contents(
    name: str,
    portable: PortableWorkflow,
    workspace: Workspace,
    *,
    inputs: Path | None,
    with_models: bool,
) -> BundleContents:
    """Decides what a bundle holds.

    Args:
        name: what its graph and lock are called in there.
        inputs: ComfyUI's input folder, if it is known.
    """
    document, contents = portable.document, BundleContents()
    if document.ui is not None:
        contents.texts[f"{name}.json"] = _json_text(document.ui)
    if document.api is not None:
        contents.texts[f"{name}.api.json"] = _json_text(document.api)
    contents.texts[f"{name}.lock.json"] = _json_text(portable.lock.to_json())
    for wanted in input_names(document):
        path = _inside(inputs, wanted) if inputs is not None else None
        if path is None:
            contents.left_out.append(f"The input {wanted} is not here, so it is not in the bundle.")
        else:
            contents.files[INPUTS + wanted] = path
    if with_models:
        _add_models(contents, portable, workspace)
    return contents


def _add_models(contents: BundleContents, portable: PortableWorkflow, workspace: Workspace) -> None:
    library = workspace.library()
    for model in portable.lock.models:
        identity = model.identity
        local = None
        if identity.sha256 is not None:
            local = library.find_by_digest(identity.kind, identity.sha256, identity.size)
        if local is None:
            contents.left_out.append(f"{identity.name} is not here as pinned, so it is left out.")
        else:
            name = posix_name(identity.name)
            contents.files[f"{MODELS}{identity.kind}/{checked_name(name)}"] = local.path


def input_names(document: WorkflowDocument) -> list[str]:
    """Files of ComfyUI's input folder that nodes which load something name.

    A name may end with ` [input]`; those of ` [output]` and ` [temp]` are no inputs.
    """
    found: dict[str, None] = {}
    for class_type, value in _loaded_values(document):
        name, _, where = value.partition(" [")
        relative = posix_name(name)
        suffix = PurePosixPath(relative).suffix.lower()
        if suffix not in MEDIA or where not in ("", "input]") or "load" not in class_type.lower():
            continue
        try:
            found[checked_name(relative)] = None
        except UnsafePathError:
            continue
    return sorted(found)[:MAX_INPUTS]


def _loaded_values(document: WorkflowDocument) -> Iterator[tuple[str, str]]:
    """(class, text) of every text in a widget or an input."""
    pairs: list[tuple[Any, Any]] = []
    graphs = [document.ui, *definitions_of(document.ui).values()] if document.ui else []
    for graph in graphs:
        nodes = graph.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            if isinstance(node, dict):
                pairs.append((node.get("type"), node.get("widgets_values")))
    pairs += [(node["class_type"], node.get("inputs")) for node in (document.api or {}).values()]
    for class_type, values in pairs:
        listed = list(values.values()) if isinstance(values, dict) else values
        for value in listed if isinstance(listed, list) else ():
            if isinstance(value, str) and isinstance(class_type, str):
                yield class_type, value


def _inside(folder: Path, name: str) -> Path | None:
    """A file below a folder, wherever links lead; None when there is none."""
    path = folder.joinpath(*name.split("/"))
    real = path.resolve()
    return path if real.is_relative_to(folder.resolve()) and real.is_file() else None


def write_bundle(
    target: Path, contents: BundleContents, workspace: Workspace | None = None
) -> None:
    """Writes a bundle whole or not at all.

    Args:
        workspace: who hears how far it has come, and may stop it.

    Raises:
        InsufficientSpaceError: it does not fit.
        CancelledError: it was stopped.
        OSError: it cannot be written, or a file vanished.
    """
    check_space(target.parent, sum(path.stat().st_size for path in contents.files.values()))
    entries = sorted({*contents.texts, *contents.files})
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".satchel-", suffix=".zip")
    part = Path(name)
    try:
        with open(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for index, entry in enumerate(entries):
                for done, size in _write_entry(archive, entry, contents):
                    if workspace is not None:
                        workspace.cancellation.check()
                        workspace.report(
                            Progress("packing", entry, done, size, index, len(entries))
                        )
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _write_entry(
    archive: zipfile.ZipFile, name: str, contents: BundleContents
) -> Iterator[tuple[int, int]]:
    """Writes one entry; yields how many of how many bytes are written after each piece."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = 3, 0o100644 << 16  # a plain file, made on Unix
    if name in contents.texts:
        # Half of a character is allowed in JSON as an escape only, which is what this makes of it.
        archive.writestr(info, contents.texts[name].encode("utf-8", "backslashreplace"))
        return
    path = contents.files[name]
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w") as packed:
        while piece := source.read(COPY_BYTES):
            packed.write(piece)
            yield source.tell(), info.file_size


def unpack_bundle(archive: Archive, target: Path) -> list[Path]:
    """Writes everything in a bundle below a folder, which is made.

    Raises:
        InvalidInputError: one of the files is there already; nothing is written then.
        InsufficientSpaceError: it does not fit.
        ArchiveError: it is damaged.
    """
    places = {name: target.joinpath(*name.split("/")) for name in archive.members}
    taken = [path for path in places.values() if path.exists() or path.is_symlink()]
    if taken:
        raise InvalidInputError(
            f"{taken[0]} is there already.", hint="Give a new folder with -o DIR."
        )
    target.mkdir(parents=True, exist_ok=True)
    needed = sum(member.size for member in archive.members.values()) + SPARE_BYTES
    free = shutil.disk_usage(target).free
    if needed > free:
        raise InsufficientSpaceError(
            f"{archive.name} does not fit.", hint="Make room and try again.",
            needed=needed, free=free,
        )  # fmt: skip
    for name, path in places.items():
        _unpack_file(archive, name, path, target)
    return list(places.values())


def _unpack_file(archive: Archive, name: str, path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.parent.resolve().is_relative_to(target.resolve()):
        raise UnsafePathError(
            f"{name} is refused: a link leads it out of {target}.",
            hint="Give a new folder with -o DIR.",
            name=name,
        )
    try:
        with path.open("xb") as file:
            for _ in archive.copy(archive.members[name], file):
                pass
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _json_text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
