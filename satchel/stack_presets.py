"""Stack presets: rows of a LoRA Stack under a name, kept by the server and shared as files.

A shared file is JSON: `{"satchel_stack_presets": 1, "presets": [{"name", "rows"}], "models":
{LORA: SHA256}}`. `models` says which bytes a row means, as far as its author's server knew, so that
a file which is called otherwise here is found. Anybody's file is checked like any other input.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import untrusted_json
from .errors import FileFormatError, InvalidInputError, PresetExistsError
from .lora.rows import FIELDS, parse_rows

FORMAT = "satchel_stack_presets"
VERSION = 1
MAX_NAME = 100
MAX_ROWS = 200
MAX_BLOCKS = 10_000
MAX_PRESETS = 1_000
MAX_BYTES = 8 * 1024 * 1024
"""Of all presets together, and of a shared file."""
_SHA256 = 64
_PATIENCE_S = 10

Row = dict[str, Any]
"""Field of a row (`lora/rows.py`) -> value."""


@dataclass(frozen=True, slots=True)
class StackPreset:
    """Rows under a name."""

    name: str
    rows: tuple[Row, ...]
    saved_at: float = 0.0
    """Unix time; 0 in a shared file."""

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "rows": list(self.rows), "saved_at": self.saved_at}


class StackPresets:
    """The presets in one file, which is made on first use; safe from any thread and process.

    All methods raise FileFormatError when the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[StackPreset]:
        """By name."""
        return sorted(self._read().values(), key=lambda preset: preset.name.casefold())

    def get(self, name: str) -> StackPreset:
        """Raises InvalidInputError if there is none of that name."""
        preset = self._read().get(name)
        if preset is None:
            raise InvalidInputError(
                f"There is no stack preset {name[:MAX_NAME]!r}.",
                hint="Another browser may have deleted it: open the list again.",
            )
        return preset

    def save(self, preset: StackPreset, *, replaces: bool) -> None:
        """Keeps a preset.

        Raises:
            PresetExistsError: there is one of that name, and it is not to be replaced.
            InvalidInputError: there are too many.
        """
        with self._changing() as presets:
            if preset.name in presets and not replaces:
                raise PresetExistsError(
                    f"There is a stack preset {preset.name!r} already.",
                    hint="Choose another name, or replace it.",
                    name=preset.name,
                )
            presets[preset.name] = replace(preset, saved_at=time.time())

    def delete(self, name: str) -> None:
        """Forgets a preset, if there is one of that name."""
        with self._changing() as presets:
            presets.pop(name, None)

    def add(self, presets: Sequence[StackPreset]) -> list[str]:
        """Keeps presets beside those that are there; returns the names that they got.

        Raises:
            InvalidInputError: there are too many.
        """
        names = []
        with self._changing() as known:
            for preset in presets:
                same = known.get(preset.name)
                name = preset.name if same is None else _free_name(preset.name, known)
                if same is not None and same.rows == preset.rows:
                    name = preset.name  # the same file twice
                known[name] = replace(preset, name=name, saved_at=time.time())
                names.append(name)
        return names

    @contextmanager
    def _changing(self) -> Iterator[dict[str, StackPreset]]:
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self._path}.lock", timeout=_PATIENCE_S):
            presets = self._read()
            yield presets
            if len(presets) > MAX_PRESETS:
                raise InvalidInputError(
                    f"There can be {MAX_PRESETS} stack presets at most.",
                    hint="Delete some that you no longer need.",
                )
            self._write(presets)

    def _read(self) -> dict[str, StackPreset]:
        try:
            with self._path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
            document = read_shared(text)
        except FileNotFoundError:
            return {}
        except (OSError, InvalidInputError) as error:
            raise FileFormatError(
                f"The file of stack presets {self._path.name} cannot be used: {error}",
                hint="Move it out of Satchel's user folder; a new one is begun.",
                name=self._path.name,
            ) from error
        return {preset.name: preset for preset in document[0]}

    def _write(self, presets: Mapping[str, StackPreset]) -> None:
        value = {FORMAT: VERSION, "presets": [preset.to_json() for preset in presets.values()]}
        text = json.dumps(value, ensure_ascii=False, indent=1)
        if len(text.encode()) > MAX_BYTES:
            raise InvalidInputError(
                f"All stack presets together have {MAX_BYTES} bytes at most.",
                hint="Delete some that you no longer need.",
            )
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".stack-presets-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def make_preset(name: Any, rows: Any) -> StackPreset:
    """A preset from what somebody sent.

    Raises:
        InvalidInputError: it has no name, or rows that no LoRA Stack can have.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        raise InvalidInputError(
            f"A stack preset has a name of 1 to {MAX_NAME} characters.", hint="Give it another one."
        )
    if not name.isprintable():
        raise InvalidInputError(
            "The name of a stack preset is one line of plain text.", hint="Give it another one."
        )
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise InvalidInputError(
            f"A stack preset has 1 to {MAX_ROWS} rows.", hint="Save a stack with rows, or split it."
        )
    return StackPreset(name.strip(), tuple(map(_checked_row, rows)))


def _checked_row(row: Any) -> Row:
    """A row that is whole; whatever else was sent with it is left out."""
    if not isinstance(row, dict):
        raise InvalidInputError(
            "A row of a stack preset is an object of its fields.", hint="Export the preset again."
        )
    values = {field: row[field] for field in FIELDS if row.get(field) is not None}
    if any(isinstance(value, str) and len(value) > MAX_BLOCKS for value in values.values()):
        raise InvalidInputError(
            f"A text in a stack preset has {MAX_BLOCKS} characters at most.",
            hint="Shorten its block weights.",
        )
    values.setdefault("lora", "")
    (checked,) = parse_rows({f"{field}_1": value for field, value in values.items()})
    made: Row = {
        "on": checked.on, "lora": checked.name, "strength_model": checked.strength_model,
        "strength_clip": checked.strength_clip, "blocks": checked.blocks,
    }  # fmt: skip
    if "start" in values or "stop" in values:
        made |= {"start": checked.window.start, "stop": checked.window.stop}
    if "on_mismatch" in values:
        made["on_mismatch"] = checked.on_mismatch
    return made


def read_shared(text: str | bytes) -> tuple[list[StackPreset], dict[str, str]]:
    """The presets of a shared file, and the SHA256 of LoRAs by the names in its rows.

    Raises:
        InvalidInputError: it is no such file.
    """
    if len(text) > MAX_BYTES:
        raise InvalidInputError(
            f"A file of stack presets has {MAX_BYTES} bytes at most.",
            hint="Share fewer presets in one file.",
        )
    try:
        document = untrusted_json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(
            "It is no JSON, so it holds no stack presets.",
            hint="Choose a file that Satchel has shared.",
        ) from error
    if not isinstance(document, dict) or document.get(FORMAT) != VERSION:
        raise InvalidInputError(
            "It is no file of stack presets that this version knows.",
            hint="Choose one that was saved by Share in a LoRA Stack's presets.",
        )
    presets = document.get("presets")
    if not isinstance(presets, list) or not len(presets) <= MAX_PRESETS:
        raise InvalidInputError(
            f"It holds no list of up to {MAX_PRESETS} presets.",
            hint="Choose a file that Satchel has shared.",
        )
    made = []
    for entry in presets:
        if not isinstance(entry, dict):
            raise InvalidInputError(
                "An entry of its presets is no object.",
                hint="Choose a file that Satchel has shared.",
            )
        preset = make_preset(entry.get("name"), entry.get("rows"))
        saved_at = entry.get("saved_at")
        made.append(replace(preset, saved_at=saved_at if isinstance(saved_at, float) else 0.0))
    return made, _digests(document.get("models"))


def shared(presets: Sequence[StackPreset], digest_of: Callable[[str], str | None]) -> Any:
    """The value of a file that shares presets.

    Args:
        digest_of: the SHA256 of a LoRA by its name, if it is known.
    """
    names = dict.fromkeys(row["lora"] for preset in presets for row in preset.rows)
    digests = {name: sha256 for name in names if (sha256 := digest_of(name)) is not None}
    entries = [{"name": preset.name, "rows": list(preset.rows)} for preset in presets]
    return {FORMAT: VERSION, "presets": entries, "models": digests}


def with_local_names(
    preset: StackPreset, digests: Mapping[str, str], local: Callable[[str, str | None], str | None]
) -> StackPreset:
    """The preset with the names that its LoRAs have here.

    Args:
        local: (name, SHA256) -> the name of that file here; None: it is not here.
    """
    rows = []
    for row in preset.rows:
        name = row.get("lora", "")
        here = local(name, digests.get(name)) if name else None
        rows.append(row if here is None else {**row, "lora": here})
    return replace(preset, rows=tuple(rows))


def _digests(models: Any) -> dict[str, str]:
    if not isinstance(models, dict):
        return {}
    return {
        name: sha256.lower()
        for name, sha256 in models.items()
        if isinstance(sha256, str) and len(sha256) == _SHA256 and sha256.isalnum()
    }


def _free_name(name: str, known: Mapping[str, StackPreset]) -> str:
    number = 2
    while (free := f"{name[: MAX_NAME - 8]} ({number})") in known:
        number += 1
    return free
