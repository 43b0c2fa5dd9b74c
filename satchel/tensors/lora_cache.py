"""LoRA files that have been read, shared by all nodes and bounded in bytes.

Tensors are the ones that the host's loader returned, usually views of a mapped file: whoever uses
them must not change them in place.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .plan import LoadedLora

MATCHES = 8
"""How many ways of matching one file with models are kept: they hold names, hardly any tensors."""

Stamp = tuple[int, int]
"""Size in bytes, and time of change in nanoseconds."""


@dataclass(slots=True)
class LoraFile:
    """One file's content, and what it came to on the models it has met."""

    tensors: Mapping[str, torch.Tensor]
    metadata: Mapping[str, str]
    stamp: Stamp = (0, 0)
    _matches: OrderedDict[str, LoadedLora] = field(default_factory=OrderedDict)
    _lock: Any = field(default_factory=threading.RLock)

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors, mapped or in memory."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

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

    Args:
        limit: bytes that the tensors of all files together may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._files: OrderedDict[str, LoraFile] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
        self._books = threading.Lock()
        self._reading = threading.RLock()  # apart, so that counting never waits for a disk

    def get(self, path: Path, read: Callable[[], LoraFile]) -> LoraFile:
        """The file's content; `read` is called unless the very same file is known.

        Raises:
            OSError: there is no such file. Whatever `read` raises passes through.
        """
        with self._reading:
            key = str(path.resolve())
            status = path.stat()  # before reading: a change meanwhile makes the next call read
            stamp = (status.st_size, status.st_mtime_ns)
            with self._books:
                known = self._files.get(key)
                if known is not None and known.stamp == stamp:
                    self._files.move_to_end(key)
                    self._hits += 1
                    return known
                self._misses += 1
                self._drop(key)
            file = read()
            file.stamp = stamp
            with self._books:
                self._keep(key, file)
            return file

    def counts(self) -> dict[str, int]:
        """Files and bytes that are held, the limit, and how often a file was known or read."""
        with self._books:
            return {
                "files": len(self._files), "bytes": self._bytes, "limit": self._limit,
                "hits": self._hits, "misses": self._misses,
            }  # fmt: skip

    def _keep(self, key: str, file: LoraFile) -> None:
        if file.nbytes > self._limit:
            return
        self._files[key] = file
        self._bytes += file.nbytes
        while self._bytes > self._limit:
            self._drop(next(iter(self._files)))

    def _drop(self, key: str) -> None:
        file = self._files.pop(key, None)
        if file is not None:
            self._bytes -= file.nbytes
