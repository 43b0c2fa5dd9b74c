"""The model files of this machine: found by name, by digest, hashed at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

from .catalog import Catalog
from .examine import examine
from .folders import LocalModel, ModelFolders, posix_name, without_extension
from .hashes import FileDigests
from .progress import Cancellation, Report, silent


@dataclass
class Library:
    """Model folders plus the catalog that remembers their digests."""

    folders: ModelFolders
    catalog: Catalog
    report: Report = silent
    cancellation: Cancellation | None = None
    may_hash: bool = True
    """Without it only known digests are used: nothing is read, and answers come at once."""
    _asked: dict[LocalModel, FileDigests | None] = field(default_factory=dict)
    """What the catalog said when many files were asked about at once."""

    def look_up(self, models: Iterable[LocalModel]) -> None:
        """Asks the catalog about many files at once; `digests` then answers for them without it."""
        wanted = [model for model in models if self._asked.get(model) is None]
        known = self.catalog.files.digests(wanted) if wanted else {}
        self._asked.update({model: known.get(model) for model in wanted})

    def digests(self, model: LocalModel) -> FileDigests | None:
        """A file's digests; `None` only when they are unknown and `may_hash` is off."""
        if model not in self._asked:
            self.look_up([model])
        known = self._asked[model]
        if known is not None or not self.may_hash:
            return known
        digests = examine(model, self.catalog, report=self.report, cancellation=self.cancellation)
        self._asked[model] = digests
        return digests

    def find_by_digest(self, kind: str, sha256: str, size: int | None) -> LocalModel | None:
        """A file of a kind with these bytes; only files of that size are ever hashed.

        Without a size only known digests answer: hashing all files of a kind would take hours.
        """
        candidates = [model for model in self._by_kind(kind) if size is None or model.size == size]
        known = self.catalog.files_with(sha256) if candidates else set()
        for model in candidates:
            if (model.key, model.size, model.mtime_ns) in known:
                return model
        if size is None or not self.may_hash:
            return None
        self.look_up(candidates)
        return _first(candidates, lambda model: self._has(model, sha256))

    def find_by_file_name(self, name: str) -> list[LocalModel]:
        """Files of any kind whose path ends with `name`."""
        return [
            model for model in self._all if model.name == name or model.name.endswith("/" + name)
        ]

    def find_by_bare_name(self, kind: str, name: str) -> list[LocalModel]:
        """Files of a kind that a name without extension means: with its folders, else by the
        file's own name. Several files of one name are all there."""
        models = self._by_kind(kind)
        wanted = posix_name(name)
        exact = [model for model in models if wanted in (model.name, without_extension(model.name))]
        return exact or [
            model for model in models
            if wanted in (base := PurePosixPath(model.name).name, without_extension(base))
        ]  # fmt: skip

    def _has(self, model: LocalModel, sha256: str) -> bool:
        try:
            digests = self.digests(model)
        except OSError:
            return False  # deleted meanwhile, or not ours to read
        return digests is not None and digests.sha256 == sha256

    def _by_kind(self, kind: str) -> list[LocalModel]:
        return [model for model in self._all if model.kind == kind]

    @cached_property
    def _all(self) -> list[LocalModel]:
        return list(self.folders.files())


def _first(models: Iterable[LocalModel], test: Callable[[LocalModel], bool]) -> LocalModel | None:
    return next((model for model in models if test(model)), None)
