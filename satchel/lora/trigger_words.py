"""Trigger words: what to write into a prompt so that a LoRA does what it was trained for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ..folders import PICKLE_EXTENSIONS
from ..safetensors_header import read_header
from .training import read_training


def split_words(text: str) -> list[str]:
    """The words or phrases of a text, which commas and line breaks separate."""
    return [word for part in re.split(r"[,\n]", text) if (word := " ".join(part.split()))]


def merge_words(sources: Iterable[Iterable[str]], exclude: Iterable[str] = ()) -> list[str]:
    """All words of several sources in their order, each once.

    Words are the same if they differ only in case, blanks or `_` for a blank; the first spelling
    stays. A phrase with commas counts as several words.

    Args:
        exclude: words that are left out wherever they come from.
    """
    out = {_folded(word) for text in exclude for word in split_words(text)}
    merged: dict[str, str] = {}
    for source in sources:
        for text in source:
            for word in split_words(text):
                if _folded(word) not in out:
                    merged.setdefault(_folded(word), word)
    return list(merged.values())


def header_words(path: Path) -> tuple[str, ...]:
    """What a LoRA file's own header says (see `training.py`); nothing for a pickled file, which
    has no header.

    Raises:
        SafetensorsHeaderError: the file is broken.
        OSError: it cannot be read.
    """
    if path.suffix.lower() in PICKLE_EXTENSIONS:
        return ()
    return read_training(read_header(path).metadata).trigger_words


def _folded(word: str) -> str:
    return " ".join(word.casefold().replace("_", " ").split())
