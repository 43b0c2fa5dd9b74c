"""Takes a model out of a bundle: verified, into a free name, never over a file that is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ..downloads.space import SPARE_BYTES
from ..errors import DownloadError, HashMismatchError, InsufficientSpaceError
from ..folders import SAFE_EXTENSIONS
from ..hashes import FileDigests, hash_file
from ..identity import ModelIdentity
from ..progress import Progress
from ..safetensors_header import read_header
from ..workspace import Workspace
from .archives import Archive, Member


def unpack_model(
    archive: Archive, member: Member, identity: ModelIdentity, target: Path, workspace: Workspace
) -> tuple[Path, FileDigests]:
    """Writes a member to `target`, or to a free name beside it.

    Raises:
        HashMismatchError: it is not what the lock pins; nothing is left on the disk.
        ArchiveError, FileFormatError: it is damaged.
        InsufficientSpaceError: it does not fit.
        DownloadError: the folder cannot be written to.
        CancelledError: the user stopped it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
        if member.size + SPARE_BYTES > free:
            raise InsufficientSpaceError(
                f"{identity.name} does not fit.", hint="Make room and try again.",
                needed=member.size + SPARE_BYTES, free=free,
            )  # fmt: skip
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".satchel-", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                for done in archive.copy(member, file):
                    workspace.cancellation.check()
                    workspace.report(Progress("unpacking", identity.name, done, member.size))
            digests = hash_file(part, cancellation=workspace.cancellation)
            _check(identity, digests, archive.name)
            if target.suffix.lower() in SAFE_EXTENSIONS - {".gguf"}:
                read_header(part)
            part.chmod(0o644)
            return _named(part, target, digests.sha256), digests
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DownloadError(
            f"{identity.name} cannot be written: {error.strerror or error}.",
            hint="Check the permissions of the model folder, and its disk.",
            name=identity.name,
        ) from error


def _check(identity: ModelIdentity, digests: FileDigests, source: str) -> None:
    if digests.sha256 != identity.sha256:
        raise HashMismatchError(
            f"{identity.name} in {source} is not the file that the workflow needs: its SHA256 is"
            f" {digests.sha256}, not {identity.sha256}.",
            hint="The bundle was changed. Ask its author for another one.",
            expected=identity.sha256,
            actual=digests.sha256,
            source=source,
        )


def _named(part: Path, target: Path, sha256: str) -> Path:
    """Gives the verified file its name, or one with its digest when that is taken."""
    beside = target.with_name(f"{target.stem}-{sha256[:8]}{target.suffix}")
    for path in (target, beside):
        try:
            # Opening for exclusive writing reserves the name on every file system.
            path.open("xb").close()
        except FileExistsError:
            continue
        part.replace(path)
        return path
    raise DownloadError(
        f"{target.name} and {beside.name} both exist with other bytes.",
        hint="Move one of them away and try again.",
        name=target.name,
    )
