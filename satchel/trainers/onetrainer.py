"""OneTrainer (https://github.com/Nerogar/OneTrainer).

A workspace has `config/{prefix}{date}.json` per training, `save/{prefix}{date}-save-{step}-{epoch}-
{step of epoch}.safetensors`, `samples/{number} - {prompt}/{prefix}{date}-training-sample-...` and
`backup/` in a form that only OneTrainer reads. The final file lies wherever the settings'
`output_model_destination` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from .base import Checkpoint, Listing, TrainingRun, count, in_order, model_name, newest_first

NAME = "OneTrainer"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}"
_SAVE = re.compile(
    rf"(?P<prefix>.*?)(?P<date>{_DATE})-save-(?P<step>[0-9]+)-(?P<epoch>[0-9]+)-[0-9]+\.safetensors\Z"
)
_SAMPLE = re.compile(rf".*?(?P<date>{_DATE})-training-sample-[0-9]+-[0-9]+-[0-9]+\.[a-z0-9]+\Z")
_CONFIG = re.compile(rf"(?P<prefix>.*?)(?P<date>{_DATE})\.json\Z")


@dataclass(frozen=True, slots=True)
class _Start:
    """One training's beginning; what was written later belongs to it, until the next begins."""

    date: str
    settings: Mapping[str, Any]


def find_runs(listing: Listing) -> Iterator[TrainingRun]:
    """Each training of each workspace that left weights."""
    workspaces = dict.fromkeys(
        str(PurePosixPath(path).parent.parent)
        for path in listing.files
        if PurePosixPath(path).parent.name in ("save", "config")
        and (_SAVE.match(PurePosixPath(path).name) or _CONFIG.match(PurePosixPath(path).name))
    )
    for workspace in workspaces:
        starts = sorted(_starts(listing, workspace), key=lambda start: start.date)
        for start, following in zip(starts, [*starts[1:], None], strict=True):
            until = following.date if following else "9"
            run = _run(listing, workspace, start, until)
            if run is not None:
                yield run


def _starts(listing: Listing, workspace: str) -> list[_Start]:
    found = []
    for path in listing.inside(_in(workspace, "config")):
        match = _CONFIG.match(PurePosixPath(path).name)
        settings = listing.settings(path) if match else {}
        if match and "training_method" in settings:
            found.append(_Start(match["date"], settings))
    # Without settings the whole workspace counts as one training.
    return found or [_Start("", {})]


def _run(listing: Listing, workspace: str, start: _Start, until: str) -> TrainingRun | None:
    checkpoints = []
    for path in listing.inside(_in(workspace, "save")):
        match = _SAVE.match(PurePosixPath(path).name)
        if match and start.date <= match["date"] < until:
            size, step = listing.files[path].size, int(match["step"])
            checkpoints.append(Checkpoint(path, size, step=step, epoch=int(match["epoch"])))
    settings = start.settings
    final = _final(listing, settings)
    if final is not None:
        checkpoints.append(final)
    if not checkpoints:
        return None
    samples = (
        path
        for path in listing.below(_in(workspace, "samples"))
        if (match := _SAMPLE.match(PurePosixPath(path).name))
        and start.date <= match["date"] < until
    )
    return TrainingRun(
        NAME,
        _name(settings, final, start),
        workspace,
        in_order(checkpoints, listing),
        base_model=model_name(settings.get("base_model_name")),
        rank=count(settings.get("lora_rank")),
        samples=newest_first(samples, listing),
    )


def _final(listing: Listing, settings: Mapping[str, Any]) -> Checkpoint | None:
    """The final file, when it lies in the folder that was asked about."""
    destination = settings.get("output_model_destination")
    if not isinstance(destination, str):
        return None
    wanted = PurePosixPath(destination.replace("\\", "/"))
    if wanted.suffix != ".safetensors":
        return None
    # Settings name it from OneTrainer's own folder: the longest tail that fits is the file.
    for length in range(len(wanted.parts), 0, -1):
        path = "/".join(wanted.parts[-length:])
        if path in listing.files:
            return Checkpoint(path, listing.files[path].size)
    return None


def _name(settings: Mapping[str, Any], final: Checkpoint | None, start: _Start) -> str:
    if final is not None:
        return PurePosixPath(final.path).stem
    prefix = settings.get("save_filename_prefix")
    if isinstance(prefix, str) and prefix.strip("-_ "):
        return prefix.strip("-_ ")
    destination = str(settings.get("output_model_destination") or "").replace("\\", "/")
    return PurePosixPath(destination).stem or start.date or NAME


def _in(workspace: str, folder: str) -> str:
    return folder if workspace == "." else f"{workspace}/{folder}"
