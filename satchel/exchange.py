"""Files that a server and a browser hand each other: a bundle to read, a bundle to save.

They are too large for JSON, so they lie in a folder of the server's own for some hours, each below
a random id that only whoever made it knows. Nothing a client sends becomes a part of a path.
"""

from __future__ import annotations

import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from .errors import UnknownFileError

KEPT_S = 6 * 3600
"""Seconds after which a file may be removed; a download that has begun goes on."""
_ID = re.compile(r"[0-9a-f]{32}\Z")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One folder of such files."""

    folder: Path

    def new(self) -> tuple[str, Path]:
        """An id and the path of its file, which is still to be written; removes old ones."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if _ID.match(path.stem) and path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink(missing_ok=True)
        file_id = uuid.uuid4().hex
        return file_id, self._path(file_id)

    def find(self, file_id: str) -> Path:
        """The path of a file.

        Raises:
            UnknownFileError: there is none, or none any more.
        """
        path = self._path(file_id) if _ID.match(file_id) else None
        if path is None or not path.is_file():
            raise UnknownFileError(
                "The server does not have that file any more.",
                hint="Open or export the bundle again.",
                file=file_id[:40],
            )
        return path

    def remove(self, file_id: str) -> None:
        """Removes a file that nobody needs any more."""
        if _ID.match(file_id):
            self._path(file_id).unlink(missing_ok=True)

    def _path(self, file_id: str) -> Path:
        return self.folder / f"{file_id}.zip"
