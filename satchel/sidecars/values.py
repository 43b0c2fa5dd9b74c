"""What a sidecar says, and how much of it is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..catalog.notes import Claim, Note
from ..claims import can_be_true
from ..folders import LocalModel
from ..marketplaces.records import PublishedVersion

MAX_TEXT = 20_000
MAX_WORDS = 200
MAX_WORD = 500
_MAX_ENTRIES = 10_000
"""Entries of a list that are looked at; most of a hostile one are the same, or none."""
_SLACK_NS = 2_000_000_000
"""FAT keeps times to two seconds."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """One file beside a model, understood."""

    note: Note
    claims: tuple[Claim, ...] = ()
    versions: tuple[PublishedVersion, ...] = ()
    """Records that a marketplace gave to the other program, some day."""


def sha256_claims(
    sha256: Any, origin: str, model: LocalModel, written_ns: int, size: Any = None
) -> tuple[Claim, ...]:
    """The claim of a SHA256, if it can be one.

    Plausible is what was written after the file, about a file of its size; a download that replaced
    the file later makes it implausible.
    """
    if not isinstance(sha256, str) or not can_be_true(sha256.strip().lower()):
        return ()
    fits = size is None or size == model.size
    fits = fits and written_ns + _SLACK_NS >= model.mtime_ns
    return (Claim("SHA256", sha256.strip().lower(), origin, plausible=fits),)


def clipped(value: Any, limit: int = MAX_TEXT) -> str:
    """A text without surrounding space, cut; empty in place of anything else."""
    return value.strip()[:limit] if isinstance(value, str) else ""


def clipped_words(values: Any) -> tuple[str, ...]:
    """The texts of a list, each once, few and short enough to be words."""
    entries: Iterable[Any] = values[:_MAX_ENTRIES] if isinstance(values, list) else ()
    words = (clipped(value, MAX_WORD) for value in entries)
    return tuple(dict.fromkeys(word for word in words if word))[:MAX_WORDS]


def split_at_commas(value: Any) -> tuple[str, ...]:
    """The words of one text."""
    if not isinstance(value, str):
        return ()
    return clipped_words(re.split(r"[,\n]", value[:MAX_TEXT]))


def strength_of(value: Any) -> float | None:
    """A strength; 0 stands for none in programs that always write one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and value and -100 <= value <= 100 else None
