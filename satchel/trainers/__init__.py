"""Local trainings: what AI-Toolkit, kohya's scripts and OneTrainer left in a folder.

To add a trainer: one file with a `find_runs`, one line in `TRAINERS`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import FileFormatError
from ..lora.identify import identify_lora
from ..safetensors_header import read_header
from . import ai_toolkit, kohya, onetrainer
from .base import Checkpoint, Listing, Trainer, TrainingRun, list_folder

TRAINERS: tuple[Trainer, ...] = (
    ai_toolkit.find_runs,
    kohya.find_runs,
    onetrainer.find_runs,
)
"""A run that two of them would find belongs to the first."""


def find_runs(folder: Path) -> tuple[TrainingRun, ...]:
    """The trainings in a folder and its folders, the one that was at work last first.

    Raises:
        ModelNotFoundError: there is no such folder.
    """
    listing = list_folder(folder)
    taken: set[str] = set()
    runs = []
    for find in TRAINERS:
        for run in find(listing):
            paths = {checkpoint.path for checkpoint in run.checkpoints}
            if not paths & taken:
                taken |= paths
                runs.append(_with_header_facts(run, listing))
    runs.sort(key=lambda run: (-_last_written(run, listing), run.folder, run.name))
    return tuple(runs)


def _with_header_facts(run: TrainingRun, listing: Listing) -> TrainingRun:
    """Fills in what the settings leave open from the header of the newest weights."""
    if run.trigger_words and run.base_model and run.rank is not None:
        return run
    try:
        facts = identify_lora(read_header(listing.root / run.latest[0].path))
    except (FileFormatError, OSError):  # weights that are still being written have no header yet
        return run
    return replace(
        run,
        trigger_words=run.trigger_words or facts.trigger_words,
        base_model=run.base_model or facts.claimed_base_model or "",
        rank=run.rank if run.rank is not None else facts.rank.mode,
    )


def _last_written(run: TrainingRun, listing: Listing) -> int:
    return max(listing.files[checkpoint.path].mtime_ns for checkpoint in run.checkpoints)


__all__ = ["TRAINERS", "Checkpoint", "Listing", "Trainer", "TrainingRun", "find_runs"]
