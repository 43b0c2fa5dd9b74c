"""Unfinished files that nobody will finish."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from ..identity import ModelIdentity
from .exclusive import exclusive, is_held
from .part import Part, sidecar_of
from .values import Order, pinned_order, unpinned_order

STALE_S = 14 * 24 * 3600
"""How long an unfinished or set-aside file that nothing wants is kept."""
_PREFIX = ".satchel-"
_SUFFIXES = (".part", ".part.json", ".part.json.new", ".lock", ".quarantine", ".member")


class _HeldError(Exception):
    """Another one is writing the part."""


def order_of(model: ModelIdentity, destination: Path) -> Order:
    """The order that brings a model to a place."""
    if model.sha256 is not None:
        return pinned_order(model, destination.parent)
    return unpinned_order(model.sources[0], destination.parent, destination.name, model.size)


def discard_unfinished(model: ModelIdentity, destination: Path) -> bool:
    """Deletes what has arrived of a model, unless somebody is fetching it."""
    order = order_of(model, destination)
    if not order.part.parent.is_dir() or is_held(order.part):
        return False

    def held() -> None:
        raise _HeldError

    try:
        with exclusive(order.part, held):
            Part(order.part).discard()
    except _HeldError:
        return False
    return True


def stale_files(
    folders: Iterable[Path], *, keep: Collection[Path], now: float, age_s: float = STALE_S
) -> list[Path]:
    """Leftovers of downloads below some folders; nothing is touched.

    Args:
        keep: parts that the queue still wants.
        now: seconds since 1970.
        age_s: how long a file must not have changed.
    """
    wanted = {path for part in keep for path in (part, sidecar_of(part))}
    found = []
    for folder in folders:
        for directory, _, names in os.walk(folder):
            for name in names:
                path = Path(directory, name)
                ours = name.startswith(_PREFIX) and name.endswith(_SUFFIXES)
                if ours and path not in wanted and _older(path, now - age_s):
                    found.append(path)
    return sorted(found)


def delete_stale(paths: Iterable[Path]) -> int:
    """Deletes files that `stale_files` found, except those in use; returns the bytes freed."""
    freed = 0
    for path in paths:
        part = path.with_name(f".{path.name.split('.')[1]}.part")
        try:
            if is_held(part):
                continue
            size = path.stat().st_size
            path.unlink()
        except OSError:
            continue  # gone meanwhile, or not ours
        freed += size
    return freed


def _older(path: Path, moment: float) -> bool:
    try:
        return path.stat().st_mtime < moment
    except OSError:
        return False
