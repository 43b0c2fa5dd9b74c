"""LoRA files that have been read, shared by all nodes and bounded in bytes.

Whoever uses the tensors must not change them in place.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .loaded_lora import LoadedLora
from .lora_reader import Stamp, TensorReader, stamp_of

MATCHES = 8
"""How many ways of matching one file with models are kept: they hold names, hardly any tensors."""
REMEMBERED = 256
"""How many files the cache knows the last use of, whether it still holds them or not."""


@dataclass(slots=True)
class LoraFile:
    """One file's content, and what it came to on the models it has met."""

    tensors: dict[str, torch.Tensor]
    """All of them; those that have not been read are outlines (see `lora_reader`)."""
    metadata: Mapping[str, str]
    reader: TensorReader | None = None
    """For the outlines; None when everything has been read."""
    key: str = ""
    stamp: Stamp = (0, 0)
    used_before: int | None = None
    """When the cache was last asked for it before this time; None the first time."""
    _matches: OrderedDict[str, LoadedLora] = field(default_factory=OrderedDict)
    _lock: Any = field(default_factory=threading.RLock)

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that have been read."""
        return sum(tensor.nbytes for tensor in self.tensors.values() if not tensor.is_meta)

    def matched(self, signature: str, match: Callable[[], LoadedLora]) -> LoadedLora:
        """What the file comes to on models of one signature; `match` finds it out once."""
        with self._lock:
            found = self._matches.get(signature)
            if found is None:
                found = match()
                self._matches[signature] = found
                if len(self._matches) > MATCHES:
                    self._matches.popitem(last=False)
            return found


class LoraCache:
    """Files by real path; the least recently used go first. May be used from any thread.

    With one exception: a file that did not fit before, and was asked for less recently than those
    that it would push out, gives way itself. A stack a little larger than the limit would else
    push out each file just before it is needed again, and read all of them each time.

    Args:
        limit: bytes that the tensors of all files together may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._files: OrderedDict[str, LoraFile] = OrderedDict()
        self._used: OrderedDict[str, int] = OrderedDict()
        self._turn = self._bytes = self._hits = self._misses = self._read = 0
        self._books = threading.Lock()
        self._reading = threading.RLock()  # apart, so that counting never waits for a disk

    def get(self, path: Path, read: Callable[[], LoraFile]) -> LoraFile:
        """The file's content; `read` is called unless the very same file is known.

        Raises:
            OSError: there is no such file. Whatever `read` raises passes through.
        """
        with self._reading:
            key = str(path.resolve())
            stamp = stamp_of(path.stat())  # before reading: a change makes the next call read
            with self._books:
                used_before = self._use(key)
                known = self._files.get(key)
                if known is not None and known.stamp == stamp:
                    self._files.move_to_end(key)
                    self._hits += 1
                    known.used_before = used_before
                    return known
                self._misses += 1
                self._drop(key)
            file = read()
            file.key, file.stamp, file.used_before = key, stamp, used_before
            with self._books:
                self._read += file.nbytes
                self._files[key] = file
                self._bytes += file.nbytes
                self._make_room(file)
            return file

    def complete(self, file: LoraFile, names: Iterable[str]) -> None:
        """Reads those of a file's tensors that have not been read.

        Raises:
            LoraFileError: they cannot be read, or hold numbers that are not finite.
        """
        with self._reading:
            missing = [name for name in names if file.tensors[name].is_meta]
            if not missing or file.reader is None:
                return
            tensors = file.reader.read(missing)
            file.tensors.update(tensors)
            count = sum(tensor.nbytes for tensor in tensors.values())
            with self._books:
                self._read += count
                if self._files.get(file.key) is file:
                    self._bytes += count
                    self._make_room(file)

    def counts(self) -> dict[str, int]:
        """Files and bytes that are held, the limit, how often a file was known or opened, and
        how many bytes of tensors have been read since the start."""
        with self._books:
            return {
                "files": len(self._files), "bytes": self._bytes, "limit": self._limit,
                "hits": self._hits, "misses": self._misses, "bytes_read": self._read,
            }  # fmt: skip

    def _use(self, key: str) -> int | None:
        """Notes that a file is asked for; returns when it last was."""
        self._turn += 1
        before = self._used.pop(key, None)
        self._used[key] = self._turn
        if len(self._used) > REMEMBERED:
            self._used.popitem(last=False)
        return before

    def _make_room(self, newest: LoraFile) -> None:
        """Drops files until the limit is kept: other ones first, unless they are worth more."""
        if newest.nbytes > self._limit:
            self._drop(newest.key)
        while self._bytes > self._limit:
            oldest = next(key for key in self._files if key != newest.key)
            before = newest.used_before
            worth_more = before is not None and self._used.get(oldest, 0) > before
            self._drop(newest.key if worth_more else oldest)

    def _drop(self, key: str) -> None:
        file = self._files.pop(key, None)
        if file is not None:
            self._bytes -= file.nbytes
