"""What a training leaves on the disk, in one shape for all trainers.

A trainer's file decides from names and settings alone; the listing is read once, and only settings
files and the header of each run's newest weights are opened. Nothing is executed or unpickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from ..errors import ModelNotFoundError

MAX_FILES = 50_000
MAX_DEPTH = 5
MAX_SETTINGS_BYTES = 1024 * 1024
WEIGHTS = ".safetensors"
SAMPLES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".jxl", ".mp4", ".webm", ".gif", ".avif"})

_SKIPPED = frozenset({"node_modules", "site-packages", "tensorboard", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One weights file of a run."""

    path: str
    """Below the folder that was asked about, with `/`."""
    size: int
    step: int | None = None
    epoch: int | None = None
    part: str = ""
    """`high_noise` or `low_noise`, where a model of two experts has a file for each."""

    @property
    def final(self) -> bool:
        """Whether it is what the run ended with: its name counts neither steps nor epochs."""
        return self.step is None and self.epoch is None


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training and what came of it."""

    trainer: str
    name: str
    folder: str
    """Below the folder that was asked about; `.` is that folder itself."""
    checkpoints: tuple[Checkpoint, ...]
    """Oldest first, the final one last."""
    trigger_words: tuple[str, ...] = ()
    base_model: str = ""
    """As the trainer's settings name it; never a path."""
    rank: int | None = None
    steps: int | None = None
    """How many steps were asked for."""
    samples: tuple[str, ...] = ()
    """Pictures and videos made on the way, the newest first."""

    @property
    def latest(self) -> tuple[Checkpoint, ...]:
        """The newest weights: one file, or the two halves of a pair."""
        newest = self.checkpoints[-1]
        return tuple(
            checkpoint
            for checkpoint in self.checkpoints
            if (checkpoint.step, checkpoint.epoch) == (newest.step, newest.epoch)
        )


@dataclass(frozen=True, slots=True)
class FileFact:
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder's files, and the only door to what is in them."""

    root: Path
    files: Mapping[str, FileFact]
    """By path below the root, with `/`, sorted."""

    def inside(self, folder: str) -> Iterator[str]:
        """The files right in a folder (`.` is the root)."""
        return (path for path in self.files if str(PurePosixPath(path).parent) == folder)

    def below(self, folder: str) -> Iterator[str]:
        """The files in a folder and in its folders."""
        return (path for path in self.files if path.startswith(f"{folder}/") or folder == ".")

    def settings(self, path: str) -> Mapping[str, Any]:
        """A YAML, JSON or TOML file's top table; empty when it is too large or no such thing."""
        fact = self.files.get(path)
        if fact is None or fact.size > MAX_SETTINGS_BYTES:
            return {}
        read = _SETTINGS.get(PurePosixPath(path).suffix.lower())
        try:
            text = (self.root / path).read_text("utf-8")
            value = read(text) if read else None
        except (OSError, ValueError, RecursionError, yaml.YAMLError):
            return {}
        return value if isinstance(value, dict) else {}


Trainer = Callable[[Listing], Iterator[TrainingRun]]
"""Finds the runs of one trainer."""


def list_folder(folder: Path) -> Listing:
    """Everything in a folder that matters here; links are not followed.

    Raises:
        ModelNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise ModelNotFoundError(
            f"There is no folder {folder}.", hint="Check the path.", name=str(folder)
        )
    files: dict[str, FileFact] = {}
    for path in _walk(folder, 0):
        if len(files) == MAX_FILES:
            break
        try:
            status = path.stat()
        except FileNotFoundError:  # a running trainer deletes its older saves
            continue
        name = path.relative_to(folder).as_posix()
        files[name] = FileFact(status.st_size, status.st_mtime_ns)
    return Listing(folder, dict(sorted(files.items())))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # a folder that is not ours to read holds no run of ours
        return
    for entry in entries:
        skipped = entry.name in _SKIPPED or entry.name.startswith(".")
        if entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False) and depth < MAX_DEPTH and not skipped:
            yield from _walk(Path(entry.path), depth + 1)


def in_order(checkpoints: list[Checkpoint], listing: Listing) -> tuple[Checkpoint, ...]:
    """Oldest first: by steps, by epochs where only those are counted, and the final one last.

    A run that counts both ways is put in order by when its files were written.
    """
    counted = [checkpoint for checkpoint in checkpoints if not checkpoint.final]
    mixed = len({checkpoint.step is None for checkpoint in counted}) > 1

    def key(checkpoint: Checkpoint) -> tuple[bool, int, str]:
        count = checkpoint.epoch if checkpoint.step is None else checkpoint.step
        if mixed:
            count = listing.files[checkpoint.path].mtime_ns
        return checkpoint.final, count or 0, checkpoint.path

    return tuple(sorted(checkpoints, key=key))


def newest_first(paths: Iterator[str], listing: Listing) -> tuple[str, ...]:
    """The samples among some files."""
    found = [path for path in paths if PurePosixPath(path).suffix.lower() in SAMPLES]
    return tuple(sorted(found, key=lambda path: (-listing.files[path].mtime_ns, path)))


def table(value: Any, *keys: str) -> Mapping[str, Any]:
    """A table inside tables; empty where one of them is missing or something else."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def count(value: Any) -> int | None:
    """A positive whole number, whether written as a number or as a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    return value if type(value) is int and value > 0 else None


def model_name(value: Any) -> str:
    """A model without the path to it: `owner/name` stays, as it is a name on a model hub."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    parts = [part for part in text.replace("\\", "/").split("/") if part]
    is_hub_name = text.count("/") == 1 and "\\" not in text and text[0] not in "/.~"
    return text if is_hub_name else (parts or [""])[-1]


def _toml_scalars(text: str) -> dict[str, Any]:
    """The plain texts and numbers of a TOML file, tables flattened.

    Python has a TOML reader only since 3.11, and trainers' files hold nothing else that is asked.
    """
    values: dict[str, Any] = {}
    for line in text.splitlines():
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key.replace("_", "").isalnum():
            continue
        if value[:1] in ("'", '"') and value.count(value[0]) == 2:
            values.setdefault(key, value[1:].partition(value[0])[0].replace("\\\\", "\\"))
        elif (number := count(value.partition("#")[0].strip())) is not None:
            values.setdefault(key, number)
    return values


_SETTINGS: Mapping[str, Callable[[str], Any]] = {
    ".yaml": yaml.safe_load, ".yml": yaml.safe_load, ".json": json.loads, ".toml": _toml_scalars,
}  # fmt: skip
