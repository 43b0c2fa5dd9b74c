"""Learns a file: its digests, its fingerprint and what its header says, all kept in the catalog."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from .catalog import Catalog
from .claims import header_claims
from .errors import SafetensorsHeaderError
from .fingerprint import fingerprint
from .folders import LocalModel
from .hashes import DEFAULT_KINDS, FileDigests, hash_file
from .lora.identify import identify_lora
from .progress import Cancellation, Report, silent
from .safetensors_header import SafetensorsHeader, read_header

if TYPE_CHECKING:
    from .references.values import DigestKind

SAFETENSORS = frozenset({".safetensors", ".sft"})


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
    facts = None if catalog.files.facts([model]) else header_facts(model)
    if _is_unchanged(model):  # else the digests are of bytes that nobody has any more
        catalog.files.remember(model, digests, fingerprint=fingerprint(model.path), facts=facts)
    return digests


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


def claim_identity(model: LocalModel, catalog: Catalog) -> None:
    """Stores what a file's header claims to be, without hashing it.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    if model.path.suffix.lower() not in SAFETENSORS:
        return
    try:
        header = read_header(model.path)
    except (SafetensorsHeaderError, OSError):
        return
    catalog.files.remember(model, None, facts=facts_of(header))
    claims = header_claims(header.metadata)
    if claims:
        catalog.notes.put(model, (), claims)


def _is_unchanged(model: LocalModel) -> bool:
    status = model.path.stat()
    return (status.st_size, status.st_mtime_ns) == (model.size, model.mtime_ns)
