"""The unfinished file of a download, and the digests of what it holds so far."""

from __future__ import annotations

import errno
import hashlib
import shutil
from io import FileIO
from pathlib import Path

import requests

from .errors import (
    BadResponseError,
    HashMismatchError,
    InsufficientSpaceError,
    SizeMismatchError,
)
from .hashes import CHUNK_BYTES, FileDigests, payload_start
from .identity import ModelIdentity, Source

SPARE_BYTES = 64 * 1024 * 1024
"""Left free on the disk, for the catalog and the images."""


class BrokenConnection(Exception):
    """The body ended early; asking for the rest may work."""


class Transfer:
    """The unfinished file and the digests of what it holds so far."""

    def __init__(self, model: ModelIdentity, part: Path) -> None:
        self.name = model.name
        self.position = 0
        self.total = model.size
        self.complete = False
        self.may_resume = True
        """Whether to ask for the rest only; no more once a server has refused that."""
        self._model = model
        self._part = part
        self._file: FileIO | None = None
        self._reset_digests()
        if part.exists():
            self._reread()

    def begin(self, response: requests.Response, source: Source) -> None:
        """Takes in an answer's headers, before its body."""
        if response.status_code == 200 and self.position:
            self.discard()  # the server does not do ranges: from the beginning
        if response.status_code == 206 and not _continues_at(response, self.position):
            raise BadResponseError(
                f"The server sent another part of {self.name} than was asked for.",
                hint="Try again later.",
            )
        length = _content_length(response)
        announced = self.position + length if length is not None else None
        if self._model.size is None:
            self.total = announced
        elif announced is not None and announced != self._model.size:
            raise self._wrong_size(announced, source)
        _check_space(self._part.parent, (self.total or 0) - self.position)

    def write(self, chunk: bytes, source: Source) -> None:
        if self.total is not None and self.position + len(chunk) > self.total:
            self.discard()
            raise self._wrong_size(self.position + len(chunk), source)
        if self.total is None:
            _check_space(self._part.parent, len(chunk))
        if self._file is None:
            # Unbuffered: what was written survives a kill, and a full disk is noticed here.
            self._file = self._part.open("ab", buffering=0)
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise _no_space(self._part.parent, len(chunk)) from error
        self._update(chunk)

    def end_of_answer(self) -> None:
        if self.total is not None and self.position < self.total:
            raise BrokenConnection
        self._part.touch()  # for an answer without a single byte
        self.complete = True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self, source: Source) -> FileDigests:
        """The digests, once they are the right ones.

        Raises:
            HashMismatchError: they are not; the file is deleted.
        """
        self.close()
        actual = self._whole.hexdigest()
        if actual != self._model.sha256:
            self.discard()
            raise HashMismatchError(
                f"{self.name} arrived with other bytes than the workflow was made with:"
                f" expected SHA256 {self._model.sha256}, got {actual}. The file was deleted.",
                hint="The source replaced the file, or the lock is wrong. Ask the author.",
                expected=self._model.sha256,
                actual=actual,
                source=source.url,
            )
        autov3 = self._payload.hexdigest()[:12] if self._start is not None else None
        return FileDigests(actual, autov3, self.position)

    def discard(self) -> None:
        self.close()
        self._part.unlink(missing_ok=True)
        self.position = 0
        self._reset_digests()

    def _reset_digests(self) -> None:
        self._whole, self._payload = hashlib.sha256(), hashlib.sha256()
        self._start: int | None = None
        self._prefix = b""

    def _reread(self) -> None:
        with self._part.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self._update(chunk)
        if self.total is not None and self.position > self.total:
            self.discard()
        self.complete = self.total is not None and self.position == self.total

    def _update(self, chunk: bytes) -> None:
        self._whole.update(chunk)
        if len(self._prefix) < 8:
            self._prefix = (self._prefix + chunk)[:8]
            # The size is not known yet when the server does not tell: then no limit applies.
            self._start = payload_start(self._prefix, self.total or 1 << 62)
        if self._start is not None and self.position + len(chunk) > self._start:
            self._payload.update(memoryview(chunk)[max(0, self._start - self.position) :])
        self.position += len(chunk)

    def _wrong_size(self, actual: int, source: Source) -> SizeMismatchError:
        return SizeMismatchError(
            f"{self.name} should have {self.total} bytes, the source serves {actual}.",
            hint="The source replaced the file, or the lock is wrong. Ask the author.",
            expected=self.total,
            actual=actual,
            source=source.url,
        )


def _content_length(response: requests.Response) -> int | None:
    try:
        return int(response.headers["Content-Length"])
    except (KeyError, ValueError):
        return None


def _continues_at(response: requests.Response, position: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {position}-")


def _check_space(folder: Path, needed: int) -> None:
    if needed + SPARE_BYTES > shutil.disk_usage(folder).free:
        raise _no_space(folder, needed)


def _no_space(folder: Path, needed: int) -> InsufficientSpaceError:
    free = shutil.disk_usage(folder).free
    return InsufficientSpaceError(
        f"The disk has {free:,} bytes free, and {needed + SPARE_BYTES:,} are needed.",
        hint="Free some space, or install into another folder.",
        needed=needed + SPARE_BYTES,
        free=free,
    )
