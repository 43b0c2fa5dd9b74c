"""Presets: block weights by name, kept in text files that people edit and share.

A file has one preset per line, `NAME: block weights`, in any form that a block weight field takes;
lines with `#` or without `:` are comments. That is hako-mikan's `lbwpresets.txt`, too. In files
named `lbw-preset*.txt` vectors are the Inspire Pack's, and lines that begin with `@` are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

ANY = "any"
"""The file of presets that fit every architecture."""
HAKO_MIKAN = "hako_mikan"
MAX_FILE_BYTES = 1_000_000

_SHIPPED = Path(__file__).parent
_NAME = re.compile(r"[A-Za-z0-9_][\w.+/-]*")


@dataclass(slots=True)
class PresetFile:
    """What one file holds."""

    presets: dict[str, str] = field(default_factory=dict)
    """Name -> block weights, not parsed yet."""
    problems: list[str] = field(default_factory=list)
    """One sentence for each line that has no meaning."""


def parse_preset_file(text: str, file_name: str = "") -> PresetFile:
    """Reads a preset file; the block weights in it are parsed when they are used.

    Blanks in a name become `_`. If a name is there twice, the last line counts.
    """
    inspire = file_name.lower().startswith("lbw-preset")
    found = PresetFile()
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        name, colon, weights = line.partition(":")
        if not colon or "#" in line or (inspire and line.startswith("@")):
            continue
        name = re.sub(r"\s+", "_", name.strip())
        if not _NAME.fullmatch(name):
            found.problems.append(
                f"{file_name} line {number}: {name!r} is no name; use letters, digits and _ . + - /"
            )
        elif not weights.strip():
            found.problems.append(f"{file_name} line {number}: {name} has no block weights")
        else:
            found.presets[name] = f"{'inspire:' if inspire else ''}{weights.strip()}"
    return found


def read_user_presets(directory: Path) -> PresetFile:
    """The presets in the `.txt` files of a directory, in the order of their names.

    A file that cannot be read, and a preset named like one that fits every architecture, are
    problems, no errors; a directory that does not exist holds nothing.
    """
    found = PresetFile()
    reserved = shipped_presets(ANY)
    for path in _files(directory):
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
            file = parse_preset_file(path.read_text(encoding="utf-8"), path.name)
        except (OSError, ValueError) as error:  # a file that is no UTF-8 is a ValueError
            found.problems.append(f"{path.name}: not read, {error}")
            continue
        found.problems += file.problems
        for name, weights in file.presets.items():
            if name in reserved:
                found.problems.append(f"{path.name}: {name} keeps the meaning it has in Satchel")
            else:
                found.presets[name] = weights
    return found


def presets_stamp(directory: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of each file: something that changes when a preset does."""
    stats = [(path.name, path.stat()) for path in _files(directory)]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def all_presets(directory: Path) -> Mapping[str, str]:
    """Shipped presets and a user's, which win where names are the same."""
    return {**builtin_presets(), **read_user_presets(directory).presets}


@cache
def builtin_presets(layout_id: str = "") -> Mapping[str, str]:
    """Shipped presets, name -> block weights: all, or those for one block layout."""
    names = [path.stem for path in sorted(_SHIPPED.glob("*.txt"))]
    if layout_id:
        names = [name for name in names if name in {ANY, layout_id}]
    merged: dict[str, str] = {}
    for name in names:
        merged |= shipped_presets(name)
    return MappingProxyType(merged)


@cache
def shipped_presets(file: str) -> Mapping[str, str]:
    """Presets of one shipped file, named without `.txt`."""
    text = (_SHIPPED / f"{file}.txt").read_text(encoding="utf-8")
    return MappingProxyType(parse_preset_file(text).presets)


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.txt")) if directory.is_dir() else []
