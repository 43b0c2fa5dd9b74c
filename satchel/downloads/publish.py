"""Gives a verified file its name, and sets aside what is not what was asked for."""

from __future__ import annotations

import os
import unicodedata
from contextlib import suppress
from pathlib import Path

from ..errors import DownloadError
from ..hashes import FileDigests, hash_file
from ..progress import Cancellation


def publish(part: Path, destination: Path, sha256: str, cancellation: Cancellation) -> Path:
    """Moves a finished part to `destination`, or to a free name beside it.

    Atomic: the name appears with the whole file behind it, or not at all. A file that is there
    already with the same bytes is kept, and the part deleted.

    Raises:
        DownloadError: both names belong to other bytes; the part stays.
    """
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    size = part.stat().st_size
    beside = name_beside(destination, sha256)
    for target in (destination, beside):
        if _move(part, target):
            _sync_folder(target.parent)
            return target
        if digests_if(target, sha256, size, cancellation) is not None:
            part.unlink()
            return target
    raise DownloadError(
        f"{destination.name} and {beside.name} both exist with other bytes.",
        hint="Move one of them away and try again.",
        name=destination.name,
    )


def name_beside(destination: Path, sha256: str) -> Path:
    """The name that a file gets when another one has its own."""
    return destination.with_name(f"{destination.stem}-{sha256[:8]}{destination.suffix}")


def digests_if(
    path: Path, sha256: str, size: int | None, cancellation: Cancellation
) -> FileDigests | None:
    """A file's digests, if it is there with these bytes; read only if its size could be right."""
    try:
        if not path.is_file() or path.stat().st_size != size:
            return None
        digests = hash_file(path, cancellation=cancellation)
    except OSError:
        return None  # deleted meanwhile, or not ours to read
    return digests if digests.sha256 == sha256 else None


def set_aside(part: Path, quarantine: Path) -> None:
    """Keeps wrong bytes where no loader lists them, instead of an earlier one."""
    part.replace(quarantine)


def renamed_note(path: Path, destination: Path) -> str:
    """The sentence for a file that did not get the name it should; empty if it did."""
    if path == destination:
        return ""
    return f"Another file is called {destination.name}, so this one is {path.name}."


def _move(part: Path, target: Path) -> bool:
    """False when something has that name, or one that other systems take for the same."""
    if _twin(target):
        return False
    try:
        os.link(part, target)
    except FileExistsError:
        return False
    except OSError:  # no hard links on this file system
        if target.exists():
            return False
        part.rename(target)
        return True
    part.unlink()
    return True


def _twin(target: Path) -> bool:
    """Whether a name differs from an existing one in case or composition only."""
    wanted = _folded(target.name)
    with suppress(OSError), os.scandir(target.parent) as entries:
        return any(entry.name != target.name and _folded(entry.name) == wanted for entry in entries)
    return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _sync_folder(folder: Path) -> None:
    """Makes the new name survive a power cut, where folders can be synced."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
