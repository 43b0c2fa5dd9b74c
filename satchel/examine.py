"""Learns a file: its digests, its fingerprint and what its header says, all kept in the catalog."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .catalog import Catalog
from .catalog.notes import Written
from .claims import header_claims
from .errors import SafetensorsHeaderError
from .fingerprint import fingerprint
from .folders import LocalModel
from .hashes import DEFAULT_KINDS, FileDigests, hash_file, hash_files
from .lora.identify import identify_lora
from .progress import Cancellation, Progress, Report, silent
from .safetensors_header import SafetensorsHeader, read_header

if TYPE_CHECKING:
    from .references.values import DigestKind

SAFETENSORS = frozenset({".safetensors", ".sft"})
_STORE_EVERY_S = 0.5


def examine(
    model: LocalModel,
    catalog: Catalog,
    kinds: Collection[DigestKind] = DEFAULT_KINDS,
    *,
    report: Report = silent,
    cancellation: Cancellation | None = None,
) -> FileDigests:
    """Hashes a file and stores all that it tells.

    Raises:
        CancelledError: `cancellation` was triggered.
        OSError: the file cannot be read.
        CatalogError: the catalog cannot be used.
    """
    digests = hash_file(model.path, kinds, report=report, cancellation=cancellation)
    _keep(model, digests, catalog)
    return digests


def examine_all(
    models: Iterable[LocalModel],
    catalog: Catalog,
    *,
    report: Report = silent,
    cancellation: Cancellation | None = None,
) -> list[LocalModel]:
    """The same for files of which nothing is known, several at once; returns those left unread.

    Raises:
        CancelledError: `cancellation` was triggered; what was done until then is kept.
        CatalogError: the catalog cannot be used.
    """
    known = catalog.files.digests(models := list(models))
    unknown: dict[Path, LocalModel] = {}
    for model in models:
        if model not in known:
            unknown.setdefault(Path(model.key), model)
    unread: list[LocalModel] = []
    watch = _Counted(report, len(unknown))
    done = hash_files(unknown, report=watch, cancellation=cancellation)
    for number, (path, digests) in enumerate(done, 1):
        watch.files_done = number
        try:
            if isinstance(digests, OSError):
                raise digests
            _keep(unknown[path], digests, catalog)
        except OSError:
            unread.append(unknown[path])
    return unread


def _keep(model: LocalModel, digests: FileDigests, catalog: Catalog) -> None:
    """Stores digests, unless the file has changed since: then they are of bytes nobody has."""
    facts = None if catalog.files.facts([model]) else header_facts(model)
    status = model.path.stat()
    if (status.st_size, status.st_mtime_ns) == (model.size, model.mtime_ns):
        catalog.files.remember(model, digests, fingerprint=fingerprint(model.path), facts=facts)


class _Counted:
    """A report that says of how many files it is about."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total = report, total
        self.files_done = 0

    def __call__(self, progress: Progress) -> None:
        self._report(replace(progress, files_done=self.files_done, files_total=self._total))


def header_facts(model: LocalModel) -> dict[str, Any] | None:
    """What a file's header says; None for formats without one, and for broken files."""
    if model.path.suffix.lower() not in SAFETENSORS:
        return None
    try:
        return facts_of(read_header(model.path))
    except (SafetensorsHeaderError, OSError):
        return None


def facts_of(header: SafetensorsHeader) -> dict[str, Any]:
    """Facts about a LoRA from its header, as `satchel identify --json` prints them.

    For other models they are empty: nothing more is told from a header.
    """
    found = identify_lora(header)
    return {
        "architecture": found.architecture,
        "candidates": list(found.candidates),
        "dialect": found.dialect,
        "algorithm": found.algorithm,
        "rank": {"min": found.rank.min, "mode": found.rank.mode, "max": found.rank.max},
        "trainer": found.trainer,
        "trigger_words": list(found.trigger_words),
        "claimed_base_model": found.claimed_base_model,
    }


def claim_identities(
    models: Iterable[LocalModel], catalog: Catalog, cancellation: Cancellation | None = None
) -> None:
    """Stores what headers of files say and claim to be, without hashing the files.

    Raises:
        CancelledError: `cancellation` was triggered; what was read until then is kept.
        CatalogError: the catalog cannot be used.
    """
    read: list[Written] = []
    stored_at = time.monotonic()
    try:
        for model in models:
            if cancellation is not None:
                cancellation.check()
            read += _claimed(model)
            # A transaction takes longer than a header; but others want to see that it goes on.
            if time.monotonic() - stored_at > _STORE_EVERY_S:
                catalog.notes.put_all(read)
                read, stored_at = [], time.monotonic()
    finally:
        if read:
            catalog.notes.put_all(read)


def _claimed(model: LocalModel) -> list[Written]:
    """What a file's header says; nothing of a broken file, or one without a header."""
    if model.path.suffix.lower() not in SAFETENSORS:
        return []
    try:
        header = read_header(model.path)
    except (SafetensorsHeaderError, OSError):
        return []
    return [Written(model, claims=header_claims(header.metadata), facts=facts_of(header))]
