"""AI-Toolkit (https://github.com/ostris/ai-toolkit).

A run is a folder `{training_folder}/{name}` with `config.yaml`, `samples/` and weights
`{name}_{step, 9 digits}.safetensors`; the final ones are `{name}.safetensors`. Models with two
experts (Wan 2.2 14B) get `..._high_noise.safetensors` and `..._low_noise.safetensors`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from .base import (
    WEIGHTS,
    Checkpoint,
    Listing,
    TrainingRun,
    count,
    in_order,
    model_name,
    newest_first,
    table,
)

NAME = "ai-toolkit"
_CONFIGS = ("config.yaml", "config.yml", ".job_config.json")
_WEIGHTS = re.compile(
    r"(?P<name>.+?)(?:_(?P<step>[0-9]{9}))?(?:_(?P<part>high_noise|low_noise))?\.safetensors\Z"
)


def find_runs(listing: Listing) -> Iterator[TrainingRun]:
    """Each folder with settings of AI-Toolkit, or with weights that count steps its way."""
    folders = dict.fromkeys(
        str(PurePosixPath(path).parent) for path in listing.files if path.endswith(WEIGHTS)
    )
    for folder in folders:
        config = _config(listing, folder)
        name = config.get("name")
        named = _weights(listing, folder)
        if not isinstance(name, str) or name not in named:
            # Without settings only names that count steps in nine digits are told apart.
            name = next((name for name, found in named.items() if _counts(found)), None)
        if name is not None:
            yield _run(listing, folder, name, named[name], config)


def _config(listing: Listing, folder: str) -> Mapping[str, Any]:
    """The `config` table of a job's settings; empty for settings of something else."""
    for file_name in _CONFIGS:
        path = file_name if folder == "." else f"{folder}/{file_name}"
        config = table(listing.settings(path), "config")
        if isinstance(config.get("process"), list):
            return config
    return {}


def _weights(listing: Listing, folder: str) -> dict[str, list[Checkpoint]]:
    found: dict[str, list[Checkpoint]] = {}
    for path in listing.inside(folder):
        match = _WEIGHTS.match(PurePosixPath(path).name)
        if match:
            step = int(match["step"]) if match["step"] else None
            checkpoint = Checkpoint(
                path, listing.files[path].size, step=step, part=match["part"] or ""
            )
            found.setdefault(match["name"], []).append(checkpoint)
    return found


def _counts(checkpoints: list[Checkpoint]) -> bool:
    return any(checkpoint.step is not None for checkpoint in checkpoints)


def _run(
    listing: Listing,
    folder: str,
    name: str,
    checkpoints: list[Checkpoint],
    config: Mapping[str, Any],
) -> TrainingRun:
    processes = config.get("process") or [{}]
    process = processes[0]
    trigger = table(process).get("trigger_word")
    network = table(process, "network")
    samples = "samples" if folder == "." else f"{folder}/samples"
    return TrainingRun(
        NAME,
        name,
        folder,
        in_order(checkpoints, listing),
        trigger_words=(trigger.strip(),) if isinstance(trigger, str) and trigger.strip() else (),
        base_model=model_name(table(process, "model").get("name_or_path")),
        rank=count(network.get("linear")) or count(network.get("rank")),
        steps=count(table(process, "train").get("steps")),
        samples=newest_first(listing.inside(samples), listing),
    )
