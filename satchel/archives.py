"""Takes one file out of a tar archive that came from the net.

Training services hand out a tar with the weights among captions and settings. The archive is
untrusted: headers are read one by one, and anything that no training writes (links, devices, names
that leave their folder, sparse files, two files that would do) refuses the whole archive. Nothing
is ever created under a name that the archive chooses.

Format: POSIX pax and ustar, with GNU's long names (IEEE Std 1003.1-2017, `pax`; GNU tar manual,
"Basic Tar Format"), plain or compressed with gzip.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from .errors import ArchiveError

BLOCK = 512
MAX_MEMBERS = 20_000
MAX_NAME_RECORD = 64 * 1024
"""Bytes of one pax record or long name; real ones are below 1 KiB."""
MAX_PAX_FIELDS = 50
"""In one pax record; real ones have below ten."""
MAX_RATIO = 20
"""Unpacked by packed bytes. Weights hardly shrink: 2 is already much."""
RATIO_SLACK = 8 * 1024 * 1024
"""Unpacked bytes that are free of that check: small texts may shrink a lot."""
COPY_BYTES = 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b"
_REGULAR = (b"0", b"\0", b"7")
_DIRECTORY = b"5"
_PAX, _PAX_GLOBAL, _LONG_NAME = b"x", b"g", b"L"
_REFUSED = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device",
    b"6": "a pipe", b"K": "a link", b"S": "a sparse file",
}  # fmt: skip


def is_archive_url(url: str) -> bool:
    """Whether what a source's URL serves has to be unpacked first."""
    return urlsplit(url).path.lower().endswith((".tar", ".tar.gz", ".tgz"))


def is_weights(name: str) -> bool:
    """What is wanted of a training's archive; macOS's `._` companions are not."""
    return name.lower().endswith(".safetensors") and not name.rpartition("/")[2].startswith(".")


def extract_member(
    archive: Path, destination: Path, *, wanted: Callable[[str], bool], max_bytes: int
) -> str:
    """Writes the one wanted file of an archive to `destination`, which must not exist yet.

    The whole archive is looked through before a byte is written, so that a second wanted file or
    a hostile entry behind the first one is noticed. Memory use does not depend on sizes.

    Args:
        wanted: says of a member's name, with `/` between folders, whether it is the one.
        max_bytes: largest size of the wanted file.

    Returns:
        The member's name, as the archive has it.

    Raises:
        ArchiveError: no or several wanted files, too large, broken or hostile; nothing is left.
        OSError: `archive` cannot be read, or `destination` not be written.
    """
    with _Reader(archive) as reader:
        found = [member for member in _members(reader) if wanted(member.name)]
    if not found:
        raise _bad("it holds no model file")
    if len(found) > 1:
        names = ", ".join(member.name for member in found[:5])
        raise _bad(f"it holds several files that would do: {names}")
    member = found[0]
    if member.size > max_bytes:
        raise _bad(f"{member.name} in it has {member.size} bytes, more than {max_bytes}")
    with _Reader(archive) as reader:
        reader.skip(member.start)
        _write(reader, member.size, destination)
    return member.name


@dataclass(frozen=True, slots=True)
class _Member:
    """A regular file of the archive."""

    name: str
    start: int
    """Offset of its first byte in the unpacked archive."""
    size: int


class _Reader:
    """An archive's unpacked bytes from front to back, counted."""

    def __init__(self, archive: Path) -> None:
        self.position = 0
        self._stack = ExitStack()
        packed = self._stack.enter_context(archive.open("rb"))
        self._packed: IO[bytes] = packed
        self._file: IO[bytes] | gzip.GzipFile = packed
        self._packed_size = os.fstat(packed.fileno()).st_size
        self._compressed = packed.read(2) == _GZIP_MAGIC
        packed.seek(0)
        if self._compressed:
            self._file = self._stack.enter_context(gzip.GzipFile(fileobj=packed))

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, or fewer at the end."""
        try:
            data = self._file.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _bad("its compressed data is broken") from error
        self.position += len(data)
        packed = self._packed.tell()
        if self._compressed and self.position > RATIO_SLACK + MAX_RATIO * packed:
            raise _bad(f"it unpacks to more than {MAX_RATIO} times its size")
        return data

    def skip(self, size: int) -> None:
        if not self._compressed:
            self.position += size
            # Some writers leave out the padding of the last block.
            if self.position >= self._packed_size + BLOCK:
                raise _bad("it ends too early")
            self._file.seek(self.position)
            return
        while size:
            chunk = self.read(min(COPY_BYTES, size))
            if not chunk:
                raise _bad("it ends too early")
            size -= len(chunk)


def _members(reader: _Reader) -> Iterator[_Member]:
    """The regular files of an archive; refuses everything that is neither file nor folder."""
    renamed: dict[str, str] = {}
    for _ in range(MAX_MEMBERS):
        header = reader.read(BLOCK)
        if not header.strip(b"\0"):  # the mark of the end, or the end of the file itself
            return
        if len(header) < BLOCK or not _checksum_matches(header):
            raise _bad("it is no tar archive, or it is damaged")
        kind, size = header[156:157], _number(header[124:136])
        if kind in (_PAX, _PAX_GLOBAL, _LONG_NAME):
            if size > MAX_NAME_RECORD:
                raise _bad("it has a name that is far too long")
            record = _exactly(reader, size)
            reader.skip(-size % BLOCK)
            if kind == _LONG_NAME:
                renamed["path"] = _text(record.split(b"\0")[0])
            elif kind == _PAX:
                renamed |= _pax_fields(record)
            continue
        name = renamed.pop("path", "") or _name(header)
        size = _pax_size(renamed.pop("size", None), size)
        _check_entry(name, kind)
        start = reader.position
        if kind == _DIRECTORY:
            continue
        reader.skip(size + -size % BLOCK)
        yield _Member(name, start, size)
    raise _bad("it has far too many entries")


def _check_entry(name: str, kind: bytes) -> None:
    if kind not in (*_REGULAR, _DIRECTORY):
        raise _bad(f"it holds {_REFUSED.get(kind, 'an entry of an unknown kind')}: {name!r}")
    parts = name.replace("\\", "/").split("/")
    if not name or parts[0] == "" or ".." in parts or ":" in parts[0] or "\0" in name:
        raise _bad(f"a name in it leaves its folder: {name!r}")


def _checksum_matches(header: bytes) -> bool:
    """The sum of all bytes, those of the checksum itself counted as blanks."""
    return _number(header[148:156]) == sum(header[:148]) + 8 * 32 + sum(header[156:])


def _number(field: bytes) -> int:
    """An octal number, or GNU's binary one for files beyond 8 GiB."""
    if field[0] & 0x80:
        if field[0] != 0x80:
            raise _bad("a size in it is negative")
        size = int.from_bytes(field[1:], "big")
        if size >= 1 << 62:
            raise _bad("a size in it is larger than any disk")
        return size
    text = field.strip(b" \0")
    if not text:
        return 0
    if text.strip(b"01234567"):
        raise _bad("it is no tar archive, or it is damaged")
    return int(text, 8)


def _name(header: bytes) -> str:
    name = _text(header[:100].split(b"\0")[0])
    prefix = _text(header[345:500].split(b"\0")[0]) if header[257:262] == b"ustar" else ""
    # GNU's own format keeps times where POSIX has the prefix.
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _pax_fields(record: bytes) -> dict[str, str]:
    """`path` and `size` of records `LENGTH KEY=VALUE\\n`; a sparse file's are refused."""
    fields: dict[str, str] = {}
    position = 0
    for _ in range(MAX_PAX_FIELDS):
        if position == len(record):
            return fields
        digits, blank, _ = record[position : position + 8].partition(b" ")
        end = position + int(digits) if digits.isdigit() else 0
        if not blank or not position + len(digits) < end <= len(record):
            raise _bad("it has a damaged record")
        line = record[position + len(digits) + 1 : end]
        position = end
        key, _, value = line.removesuffix(b"\n").partition(b"=")
        if key.startswith(b"GNU.sparse"):
            raise _bad("it holds a sparse file")
        if key in (b"path", b"size"):
            fields[key.decode()] = _text(value)
    raise _bad("it has far too many records")


def _pax_size(text: str | None, size: int) -> int:
    if text is None:
        return size
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise _bad("a size in it is no number")
    return int(text)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _exactly(reader: _Reader, size: int) -> bytes:
    data = reader.read(size)
    if len(data) < size:
        raise _bad("it ends too early")
    return data


def _write(reader: _Reader, size: int, destination: Path) -> None:
    with destination.open("xb") as file:
        try:
            while size:
                chunk = _exactly(reader, min(COPY_BYTES, size))
                file.write(chunk)
                size -= len(chunk)
        except BaseException:
            file.close()
            destination.unlink()
            raise


def _bad(reason: str) -> ArchiveError:
    return ArchiveError(
        f"The archive is refused: {reason}.",
        hint="Download it by hand and look into it before you use anything from it.",
        reason=reason,
    )
