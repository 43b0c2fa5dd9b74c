"""The catalog: one door to everything that is known about model files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..fingerprint import fingerprint
from ..folders import LocalModel
from ..hashes import FileDigests
from ..identity import Source
from .answers import AnswerTable
from .database import Database
from .files import FileTable
from .listing import ListingChanges, store_listing
from .notes import NoteTable
from .overview import Overview, overview
from .previews import PreviewTable
from .records import RecordTable
from .references import ReferenceTable
from .search import SearchIndex
from .shelf_rows import ShelfRow, newest_versions, shelf_rows


class Catalog:
    """The catalog at a path; the file and its folder are made on first use.

    All methods, of the tables too, are safe from any thread and process, and raise CatalogError
    when the database cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.files = FileTable(self._database)
        self.records = RecordTable(self._database)
        self.notes = NoteTable(self._database)
        self.references = ReferenceTable(self._database)
        self.previews = PreviewTable(self._database)
        self.search = SearchIndex(self._database)
        self._answers = AnswerTable(self._database)

    @property
    def path(self) -> Path:
        """Where it is; a user's presets lie beside it."""
        return self._database.path

    def digests(self, model: LocalModel) -> FileDigests | None:
        """What is known of a file, if it is still the file that was hashed."""
        return self.files.digests([model]).get(model)

    def files_with(self, sha256: str) -> set[tuple[str, int, int]]:
        """(real path, size, mtime_ns) of files that had these bytes when they were hashed."""
        rows = self.files.with_digest("SHA256", sha256)
        return {(row.path, row.size, row.mtime_ns) for row in rows}

    def remember(self, model: LocalModel, digests: FileDigests) -> None:
        """Stores a file's digests and a fingerprint, replacing what was known of that path."""
        self.files.remember(model, digests, fingerprint=fingerprint(model.path))

    def sources(self, marketplace: str, sha256s: Iterable[str]) -> dict[str, tuple[Source, ...]]:
        """Answers that are still good, by digest; an empty tuple is a recent miss."""
        return self._answers.get(marketplace, sha256s)

    def remember_sources(self, marketplace: str, answers: Mapping[str, tuple[Source, ...]]) -> None:
        """Stores a marketplace's answers, misses (empty tuples) included."""
        self._answers.put(marketplace, answers)

    def overview(self, kind: str) -> dict[str, Overview]:
        """What a list of all live files of a kind shows, by real path (`overview.py`)."""
        return overview(self._database, kind)

    def shelf_rows(self) -> dict[str, ShelfRow]:
        """What the library shows of all live files, by real path (`shelf_rows.py`)."""
        return shelf_rows(self._database)

    def newest_versions(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """Versions that can be had, by (source, model id): (version id, publication date)."""
        return newest_versions(self._database)

    def store_listing(self, models: Iterable[LocalModel], roots: Sequence[str]) -> ListingChanges:
        """Brings the catalog up to date with a complete listing of folders (`listing.py`)."""
        return store_listing(self._database, models, roots, fingerprint)
