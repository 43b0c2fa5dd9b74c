"""Zip files of strangers, read without harm.

Everything is decided from the directory of the archive before a byte is unpacked: names that climb,
are absolute, hidden or reserved; links and devices; two names that are one on some system; entries
that overlap, or unpack to far more than they hold. What is unpacked is counted while it is read,
since a directory may lie.
"""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from ..errors import ArchiveError, UnsafePathError
from ..file_names import checked_name

MAX_ENTRIES = 10_000
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
"""Of the list of entries, which is read whole."""
MAX_RATIO = 200
"""How many times its packed size an entry may be; graphs pack to a twentieth, images to all."""
RATIO_FREE_BYTES = 1024 * 1024
"""Entries that unpack to less are harmless, however well they are packed."""
MAX_DEPTH = 20
READ_BYTES = 1024 * 1024
_EOCD = b"PK\x05\x06"
_EOCD64 = b"PK\x06\x06"
_MAX_COMMENT = 65_535
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError,
           RuntimeError, ValueError)  # fmt: skip
"""What `zipfile` raises for files that are none, or not whole."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive that may be read."""

    name: str
    """Checked: relative, with `/`, the same file on every system."""
    size: int
    info: zipfile.ZipInfo


def is_archive(head: bytes) -> bool:
    """Whether a file's first bytes are those of a zip."""
    return head.startswith((b"PK\x03\x04", _EOCD))


class Archive:
    """A zip that was found harmless. Nothing of it is in memory but its list of entries.

    Args:
        content: a file's path, or its bytes.

    Raises:
        ArchiveError: it is broken, or tries something that no bundle needs.
    """

    def __init__(self, content: Path | bytes, name: str) -> None:
        self.name = name
        self._content = content
        with self._file() as file:
            _check_directory(file, name)
            try:
                with zipfile.ZipFile(file) as archive:
                    infos = archive.infolist()
            except _BROKEN as error:
                raise _refused(name, "it is damaged") from error
        _check_layout(infos, name)
        self.members = {member.name: member for member in _members(infos, name)}

    @contextmanager
    def open(self, member: Member) -> Iterator[IO[bytes]]:
        """A member's bytes, to be read in pieces; never more than it declares."""
        with self._file() as file:
            try:
                with zipfile.ZipFile(file) as archive, archive.open(member.info) as content:
                    yield content
            except _BROKEN as error:
                raise _refused(self.name, f"{member.name} in it is damaged") from error

    def read(self, member: Member, most: int) -> bytes:
        """A small member whole.

        Raises:
            ArchiveError: it is larger than `most`, or damaged.
        """
        if member.size > most:
            raise _refused(self.name, f"{member.name} in it is far too large")
        with self.open(member) as content:
            found = content.read(most + 1)
            rest = content.read(1)
        if len(found) != member.size or rest:
            raise _refused(self.name, f"{member.name} in it is not as long as it says")
        return found

    def copy(self, member: Member, target: IO[bytes]) -> Iterator[int]:
        """Copies a member in pieces; yields how much is copied after each.

        Raises:
            ArchiveError: it is damaged, or not as long as it says.
        """
        done = 0
        with self.open(member) as content:
            while piece := content.read(READ_BYTES):
                done += len(piece)
                if done > member.size:
                    break
                target.write(piece)
                yield done
        if done != member.size:
            raise _refused(self.name, f"{member.name} in it is not as long as it says")

    def _file(self) -> IO[bytes]:
        if isinstance(self._content, bytes):
            return io.BytesIO(self._content)
        return self._content.open("rb")


def _check_directory(file: IO[bytes], name: str) -> None:
    """Bounds the list of entries before anything parses it."""
    file.seek(0, io.SEEK_END)
    end = file.tell()
    tail_size = min(end, _MAX_COMMENT + 22)
    file.seek(end - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(_EOCD)
    if at < 0 or len(tail) - at < 22:
        raise _refused(name, "it is damaged")
    entries, size = struct.unpack_from("<10xHI", tail, at)
    position = end - tail_size + at
    # Where a large archive keeps its true numbers: right before the locator before the record.
    if position >= 76:
        file.seek(position - 76)
        record = file.read(56)
        if record.startswith(_EOCD64):
            entries, size = struct.unpack_from("<32xQQ", record)
    file.seek(0)
    if entries > MAX_ENTRIES or size > MAX_DIRECTORY_BYTES:
        raise _refused(name, f"it has more than {MAX_ENTRIES} entries")


def _check_layout(infos: list[zipfile.ZipInfo], name: str) -> None:
    """No two entries may share bytes: that is how a small file unpacks to petabytes."""
    if len(infos) > MAX_ENTRIES:
        raise _refused(name, f"it has more than {MAX_ENTRIES} entries")
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for info, following in pairwise(ordered):
        if info.header_offset + 30 + info.compress_size > following.header_offset:
            raise _refused(name, "entries in it overlap")


def _members(infos: list[zipfile.ZipInfo], name: str) -> Iterator[Member]:
    seen: dict[str, bool] = {}
    for info in infos:
        # `zipfile` cuts names at a zero byte and turns some slashes: what was written counts.
        written = info.orig_filename
        is_folder = written.endswith("/")
        _check_entry(info, written, name)
        try:
            checked = checked_name(written.rstrip("/") if is_folder else written)
        except UnsafePathError as error:
            raise _refused(name, f"a name in it is not harmless: {written!r}") from error
        parts = checked.split("/")
        if len(parts) > MAX_DEPTH:
            raise _refused(name, f"{written!r} lies too deep")
        for depth in range(1, len(parts)):
            if not seen.setdefault(_folded("/".join(parts[:depth])), True):
                raise _refused(name, f"{written!r} lies below a file")
        if _folded(checked) in seen and not (is_folder and seen[_folded(checked)]):
            raise _refused(name, f"{written!r} is there twice")
        seen[_folded(checked)] = is_folder
        if not is_folder:
            yield Member(checked, info.file_size, info)


def _check_entry(info: zipfile.ZipInfo, written: str, name: str) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    is_plain = kind in (0, stat.S_IFDIR if written.endswith("/") else stat.S_IFREG)
    if not is_plain:
        raise _refused(name, f"{written!r} is a link, a device or something else that is no file")
    if "\\" in written:
        raise _refused(name, f"a name in it is not harmless: {written!r}")
    if info.flag_bits & 0x1:
        raise _refused(name, f"{written!r} is encrypted")
    if info.compress_type not in _METHODS:
        raise _refused(name, f"{written!r} is packed in a way that is not supported")
    packed = max(info.compress_size, 1)
    if info.file_size > RATIO_FREE_BYTES and info.file_size > MAX_RATIO * packed:
        raise _refused(name, f"{written!r} unpacks to far more than it holds")


def _folded(name: str) -> str:
    """What two names share when some system takes them for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _refused(name: str, reason: str) -> ArchiveError:
    return ArchiveError(
        f"{name} is refused: {reason}.",
        hint="Ask its author for a bundle made with `satchel bundle`.",
        name=name,
        reason=reason,
    )
