"""kohya's sd-scripts and musubi-tuner (https://github.com/kohya-ss/sd-scripts), and their GUI.

One folder may hold several runs, told apart by `output_name`: `{name}-{epoch, 6 digits}` and
`{name}-step{step, 8 digits}` on the way, `{name}` in the end. Samples are
`sample/{name}_e{epoch}_...` or `sample/{name}_{step}_...`. The GUI leaves its settings beside the
weights: `{name}_{date}.json` and `config_lora-{date}.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from .base import WEIGHTS, Checkpoint, Listing, TrainingRun, count, in_order, newest_first
from .base import model_name as plain_name

NAME = "sd-scripts"
_COUNTED = re.compile(r"(?P<name>.+)-(?:step(?P<step>[0-9]{8})|(?P<epoch>[0-9]{6}))\.safetensors\Z")
_SAMPLE = r"_(?:e[0-9]{6}|[0-9]{6})_[0-9]{2}_[0-9]{14}"
_OF_PARTS = re.compile(r"-[0-9]{5}-of-[0-9]{5}\.safetensors\Z")


def find_runs(listing: Listing) -> Iterator[TrainingRun]:
    """Each name that is counted sd-scripts' way, or that settings beside it call `output_name`."""
    folders = dict.fromkeys(
        str(PurePosixPath(path).parent) for path in listing.files if path.endswith(WEIGHTS)
    )
    for folder in folders:
        settings = {str(found["output_name"]): found for found in _settings(listing, folder)}
        for name, checkpoints in _weights(listing, folder, settings).items():
            yield _run(listing, folder, name, checkpoints, settings.get(name, {}))


def _settings(listing: Listing, folder: str) -> Iterator[Mapping[str, Any]]:
    """Settings of trainings, the newest last, so that it counts when one name has several."""
    paths = [path for path in listing.inside(folder) if path.endswith((".json", ".toml"))]
    for path in sorted(paths, key=lambda path: listing.files[path].mtime_ns):
        found = listing.settings(path)
        if isinstance(found.get("output_name"), str) and "pretrained_model_name_or_path" in found:
            yield found


def _weights(
    listing: Listing, folder: str, settings: Mapping[str, Any]
) -> dict[str, list[Checkpoint]]:
    found: dict[str, list[Checkpoint]] = {}
    plain: dict[str, Checkpoint] = {}
    for path in listing.inside(folder):
        file_name, size = PurePosixPath(path).name, listing.files[path].size
        match = _COUNTED.match(file_name)
        if match:
            step = int(match["step"]) if match["step"] else None
            epoch = int(match["epoch"]) if match["epoch"] else None
            checkpoint = Checkpoint(path, size, step=step, epoch=epoch)
            found.setdefault(match["name"], []).append(checkpoint)
        elif file_name.endswith(WEIGHTS) and not _OF_PARTS.search(file_name):
            plain[file_name.removesuffix(WEIGHTS)] = Checkpoint(path, size)
    for name, checkpoint in plain.items():
        if name in found or name in settings:
            found.setdefault(name, []).append(checkpoint)
    return found


def _run(
    listing: Listing,
    folder: str,
    name: str,
    checkpoints: list[Checkpoint],
    settings: Mapping[str, Any],
) -> TrainingRun:
    samples = "sample" if folder == "." else f"{folder}/sample"
    own = re.compile(re.escape(name) + _SAMPLE)
    return TrainingRun(
        NAME,
        name,
        folder,
        in_order(checkpoints, listing),
        base_model=plain_name(settings.get("pretrained_model_name_or_path")),
        rank=count(settings.get("network_dim")),
        steps=count(settings.get("max_train_steps")),
        samples=newest_first(
            (path for path in listing.inside(samples) if own.match(PurePosixPath(path).name)),
            listing,
        ),
    )
