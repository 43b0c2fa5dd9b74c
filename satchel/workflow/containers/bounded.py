"""Reading numbers and slices out of untrusted bytes: what lies outside raises, nothing is copied
that was not asked for."""

from __future__ import annotations

import mmap
import struct
from typing import TypeAlias

from ...errors import UnreadableMediaError

Buffer: TypeAlias = "bytes | mmap.mmap | memoryview | Counted"
"""A whole file's bytes, in memory or mapped."""

MAX_TEXT_BYTES = 64 * 1024 * 1024
"""Most text that one file may hold in its metadata."""
MAX_INFLATED_BYTES = 16 * 1024 * 1024
"""Most text that one file may hold compressed: a thousandth of it is enough to make it."""
MAX_PARTS = 100_000
"""Most boxes, pages or tags that are looked at in one file."""


class Counted:
    """A file's bytes, and how many of its parts were looked at, whichever lie in which."""

    def __init__(self, data: bytes | mmap.mmap | memoryview | Counted, what: str) -> None:
        self._data = data
        self._what = what
        self._left = MAX_PARTS

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, where: slice) -> bytes:
        return bytes(self._data[where])

    def count(self) -> None:
        """Has to be called for each part.

        Raises:
            UnreadableMediaError: there are far too many.
        """
        self._left -= 1
        if self._left < 0:
            raise broken(self._what, "it has far too many parts")


def at(data: Buffer, start: int, length: int, what: str) -> bytes:
    """Exactly `length` bytes from `start` on.

    Raises:
        UnreadableMediaError: they are not all there, or are too many to be text.
    """
    if start < 0 or length < 0 or start + length > len(data):
        raise broken(what, "it is cut short")
    if length > MAX_TEXT_BYTES:
        raise broken(what, "a text in it is far too large")
    return bytes(data[start : start + length])


def number(data: Buffer, start: int, form: str, what: str) -> int:
    """One whole number in a `struct` form such as `>I`."""
    (value,) = struct.unpack(form, at(data, start, struct.calcsize(form), what))
    return int(value)


def decoded(text: bytes) -> str:
    """UTF-8, or Latin-1 where it is none; without the zeros that end it."""
    text = text.rstrip(b"\0")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def broken(what: str, reason: str) -> UnreadableMediaError:
    """The error for a file that cannot be read."""
    return UnreadableMediaError(
        f"The {what} file cannot be read: {reason}.",
        hint="Use the original file: chat and social sites often re-encode what is sent.",
        reason=reason,
    )
