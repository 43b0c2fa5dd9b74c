"""What other programs left beside model files: read, never written.

Everything in them is untrusted: sizes are capped, texts are cut, and a digest is a claim.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from .. import untrusted_json
from ..catalog import Catalog
from ..catalog.notes import Written
from ..folders import LocalModel
from ..progress import Cancellation
from . import civitai_helper, lora_manager, rgthree, sha256_file, stability_matrix, webui
from .values import Sidecar

MAX_BYTES = 8 * 1024 * 1024
"""Larger files are ignored; the largest honest ones hold a few hundred generation settings."""
_AT_ONCE = 200

Reader = Callable[[Mapping[str, Any], LocalModel, int], Sidecar | None]
"""(document, model, when the sidecar was written in ns) -> what it says; None if it is none."""

_BY_STEM: tuple[tuple[str, Reader], ...] = (
    (".metadata.json", lora_manager.read),
    (".civitai.info", civitai_helper.read),
    (".cm-info.json", stability_matrix.read),
    (".json", webui.read),
)
_BY_NAME: tuple[tuple[str, Reader], ...] = ((".rgthree-info.json", rgthree.read),)


def import_sidecars(
    models: Iterable[LocalModel], catalog: Catalog, cancellation: Cancellation | None = None
) -> int:
    """Reads the sidecars of files that are new or changed since the last time; returns how many.

    Raises:
        CancelledError: `cancellation` was triggered.
        CatalogError: the catalog cannot be used.
    """
    known = catalog.notes.sidecars()
    found = _new_sidecars(models, known)
    count = 0
    while part := list(islice(found, _AT_ONCE)):
        if cancellation is not None:
            cancellation.check()
        written, versions = [], []
        for model, sidecars, stamps in part:
            notes = tuple(sidecar.note for sidecar in sidecars)
            claims = tuple(claim for sidecar in sidecars for claim in sidecar.claims)
            written.append(Written(model, notes, claims, stamps))
            versions += [version for sidecar in sidecars for version in sidecar.versions]
            count += len(sidecars)
        catalog.records.put(versions, "sidecar")
        catalog.notes.put_all(written)
    return count


_Stamps = tuple[tuple[str, int, int], ...]


def _new_sidecars(
    models: Iterable[LocalModel], known: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[LocalModel, list[Sidecar], _Stamps]]:
    listings: dict[Path, frozenset[str]] = {}
    for model in models:
        folder = model.path.parent
        if folder not in listings:
            listings[folder] = _names(folder)
        found, stamps = [], []
        for path, reader in _candidates(model):
            if path.name not in listings[folder]:
                continue
            stamp = _stamp(path)
            if stamp is None or known.get(str(path)) == stamp:
                continue
            stamps.append((str(path), *stamp))
            sidecar = _read(path, reader, model, stamp)
            if sidecar is not None:
                found.append(sidecar)
        if stamps:
            yield model, found, tuple(stamps)


def read_sidecars(model: LocalModel) -> list[Sidecar]:
    """What all sidecars of one model say, whether or not the catalog has them."""
    found = []
    for path, reader in _candidates(model):
        stamp = _stamp(path)
        sidecar = _read(path, reader, model, stamp) if stamp is not None else None
        if sidecar is not None:
            found.append(sidecar)
    return found


def _candidates(model: LocalModel) -> Iterator[tuple[Path, Reader | None]]:
    """Where sidecars of a model would be; those without a reader hold a bare digest."""
    for suffix, reader in _BY_STEM:
        yield model.path.with_name(model.path.stem + suffix), reader
    for suffix, reader in _BY_NAME:
        yield model.path.with_name(model.path.name + suffix), reader
    for start in (model.path.stem, model.path.name):
        yield model.path.with_name(start + ".sha256"), None


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _read(
    path: Path, reader: Reader | None, model: LocalModel, stamp: tuple[int, int]
) -> Sidecar | None:
    size, written_ns = stamp
    if size > MAX_BYTES:
        return None
    try:
        text = path.read_bytes()[:MAX_BYTES].decode("utf-8-sig")
        if reader is None:
            return sha256_file.read(text, model, written_ns)
        document = untrusted_json.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    return reader(document, model, written_ns) if isinstance(document, dict) else None
