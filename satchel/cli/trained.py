"""`satchel trained FOLDER`: what local trainings made."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..trainers import Checkpoint, TrainingRun, find_runs
from ..workspace import Workspace
from .result import Command, Result
from .terminal import plain, size_text


def trained(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Finds the trainings in a folder, the one that was at work last first."""
    runs = find_runs(arguments.folder)
    if not runs:
        return Result([], f"{plain(str(arguments.folder))} holds no training that Satchel knows.")
    return Result(
        [_value(run, arguments.folder) for run in runs],
        "\n\n".join(_text(run, arguments.folder) for run in runs),
    )


def _value(run: TrainingRun, folder: Path) -> dict[str, Any]:
    return {
        "trainer": run.trainer,
        "name": run.name,
        "folder": str(folder / run.folder),
        "latest": [_checkpoint(checkpoint, folder) for checkpoint in run.latest],
        "checkpoints": [_checkpoint(checkpoint, folder) for checkpoint in run.checkpoints],
        "trigger_words": list(run.trigger_words),
        "base_model": run.base_model,
        "rank": run.rank,
        "steps": run.steps,
        "samples": [str(folder / path) for path in run.samples],
    }


def _checkpoint(checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
    return {
        "path": str(folder / checkpoint.path),
        "size": checkpoint.size,
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "part": checkpoint.part,
        "final": checkpoint.final,
    }


def _text(run: TrainingRun, folder: Path) -> str:
    lines = [f"{run.name}  ({run.trainer})"]
    lines += [
        f"  newest: {folder / checkpoint.path}  ({size_text(checkpoint.size)}, {_age(checkpoint)})"
        for checkpoint in run.latest
    ]
    facts = {
        "trigger words": ", ".join(run.trigger_words),
        "base model": run.base_model,
        "rank": str(run.rank or ""),
        "checkpoints": str(len(run.checkpoints)),
        "samples": f"{len(run.samples)}, the newest is {run.samples[0]}" if run.samples else "",
    }
    lines += [f"  {name}: {fact}" for name, fact in facts.items() if fact]
    return "\n".join(plain(line) for line in lines)


def _age(checkpoint: Checkpoint) -> str:
    counted = {"step": checkpoint.step, "epoch": checkpoint.epoch}
    said = [f"{word} {number}" for word, number in counted.items() if number is not None]
    return ", ".join(said) or "final"


COMMANDS: Mapping[str, Command] = {"trained": trained}
