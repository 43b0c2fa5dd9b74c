"""Pictures that were fetched for models, kept by the SHA256 of the model they belong to.

They lie beside the catalog and never beside a model. A picture that does lie beside a model goes
before the one that is kept here (`previews.py`). The folder may be deleted at any time.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from pathlib import Path

from .catalog import Catalog
from .errors import CatalogError, ModelNotFoundError
from .folders import LocalModel, ModelFolders
from .identity import SHA256_HEX
from .previews import find_preview, previews_beside

FOLDER = "previews"
MAX_TOTAL_BYTES = 1 << 30
"""Of all of them: some 20,000 of the usual size."""
_FEW = 500
"""Up to so many are looked for one by one, as for a page; for more the folder is listed."""
_UNFINISHED = ".preview-"
_UNFINISHED_S = 3600
"""After so long nobody is still writing one."""


class PreviewCache:
    """The pictures in a folder, which is made on first use; safe from any thread and process.

    Args:
        most_bytes: of all pictures together; the oldest make room.
    """

    def __init__(self, folder: Path, most_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._bytes: int | None = None
        """Of all pictures, as far as this object knows; None until it has looked."""

    @classmethod
    def beside(cls, catalog: Catalog) -> PreviewCache:
        """The pictures that belong to a catalog."""
        return cls(catalog.path.with_name(FOLDER))

    def known(self) -> set[str]:
        """The SHA256 of every model that has a picture here."""
        return {entry.name for entry in self._entries()}

    def stamps(self, sha256s: Set[str]) -> dict[str, int]:
        """Those of some models that have a picture, with its time of change in milliseconds."""
        found = {}
        for sha256 in sha256s if len(sha256s) <= _FEW else sha256s & self.known():
            with suppress(OSError):  # there is none, or another process drops it right now
                found[sha256] = os.stat(self._folder / sha256).st_mtime_ns // 1_000_000
        return found

    def path(self, sha256: str) -> Path | None:
        """The picture of a model; None if there is none."""
        path = self._folder / sha256
        return path if SHA256_HEX.match(sha256) and path.is_file() else None

    def put(self, sha256: str, picture: bytes) -> None:
        """Keeps a picture, whole or not at all; the oldest others make room for it.

        Raises:
            CatalogError: the folder cannot be written to.
        """
        assert SHA256_HEX.match(sha256), "it becomes a file's name"
        try:
            self._write(self._folder / sha256, picture)
        except OSError as error:
            raise CatalogError(
                f"A picture cannot be kept beside the catalog: {error.strerror or error}.",
                hint="Check that Satchel's user folder is writable and the disk is not full.",
                path=self._folder.name,
            ) from error
        if self._bytes is not None:
            self._bytes += len(picture)
        if self._bytes is None or self._bytes > self._most_bytes:
            self._bytes = self._make_room()

    def _write(self, target: Path, picture: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(picture)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _make_room(self) -> int:
        """Drops the oldest pictures until the rest is within bounds; returns what is left."""
        sizes = []
        for entry in self._entries():
            with suppress(OSError):
                status = entry.stat()
                sizes.append((status.st_mtime_ns, status.st_size, entry.path))
        total = sum(size for _, size, _ in sizes)
        for _, size, path in sorted(sizes):
            if total <= self._most_bytes:
                break
            with suppress(OSError):  # on Windows, while somebody reads it
                Path(path).unlink(missing_ok=True)
                total -= size
        self._drop_unfinished()
        return total

    def _drop_unfinished(self) -> None:
        """What a process left that was killed while it wrote."""
        for path in self._folder.glob(f"{_UNFINISHED}*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _UNFINISHED_S:
                    path.unlink(missing_ok=True)

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder) as entries:
                return [entry for entry in entries if SHA256_HEX.match(entry.name)]
        except OSError:  # nothing was ever fetched, or nobody may look
            return []


def shown_previews(
    models: Iterable[LocalModel], sha256s: Mapping[LocalModel, str | None], cache: PreviewCache
) -> dict[LocalModel, int]:
    """The models that have a picture, beside them or kept here, with its time of change in
    milliseconds.

    Args:
        sha256s: of the models, as far as they are known.
    """
    models = list(models)
    found = previews_beside(models)
    wanted = {
        model: sha256
        for model in models
        if model not in found and (sha256 := sha256s.get(model)) is not None
    }
    stamps = cache.stamps(set(wanted.values())) if wanted else {}
    kept = {model: stamps[sha256] for model, sha256 in wanted.items() if sha256 in stamps}
    return {**found, **kept}


def find_shown_preview(kind: str, name: str, folders: ModelFolders, catalog: Catalog) -> Path:
    """The picture of one model: the one beside it, else the one that was fetched for its bytes.

    Raises:
        ModelNotFoundError: there is no such model, or no picture of it.
        CatalogError: the catalog cannot be used.
    """
    try:
        return find_preview(kind, name, folders)
    except ModelNotFoundError:
        model = folders.find(kind, name)
        digests = catalog.digests(model) if model is not None else None
        kept = PreviewCache.beside(catalog).path(digests.sha256) if digests is not None else None
        if kept is None:
            raise
        return kept
