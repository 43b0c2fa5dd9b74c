"""Kills a process that works through the download queue, at random points, again and again.

    PYTHONPATH=tools python -m satchel_tools.torture_downloads [COUNT]

Each round kills one runner (SIGKILL) somewhere between its start and the moment when it would have
been done. After each kill: no file has a model's name unless its bytes are right, every byte that a
sidecar claims is there, nothing that had arrived is gone, and the queue still has every entry. The
next runner goes on from there; once all files have arrived, they are deleted and it starts over.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from . import ROOT
from .core_import import make_core_importable
from .problems import ToolError

if TYPE_CHECKING:
    from satchel.identity import ModelIdentity
    from satchel.workspace import Workspace

COUNT = 200
SIZES = (24 << 20, 20 << 20, 3 << 20, 200_000)
"""Two files that come over several connections, and two that come over one."""
_PATIENCE_S = 60


@dataclass
class Tally:
    """What happened, over all rounds."""

    kills: int = 0
    too_late: int = 0
    """Runners that were done before their kill."""
    resumed: int = 0
    """Kills that left a part for the next runner."""
    finished: int = 0
    """Times that all files had arrived."""
    faults: list[str] = field(default_factory=list)


def main(count: int = COUNT, seed: int | None = None) -> int:
    """Kills `count` runners and prints what came out; 1 if anything was lost or wrong.

    Raises:
        ToolError: the stand-in marketplace did not start, or this system has no `fork`.
    """
    if not hasattr(os, "fork"):
        raise ToolError("Killing downloads at random points needs a system with fork.")
    make_core_importable()
    chance, tally = random.Random(seed), Tally()
    with tempfile.TemporaryDirectory(prefix="satchel-torture-") as base:
        folder = Path(base)
        originals = {name: _write_model(folder / "served" / name, size, chance)
                     for name, size in zip("abcd", SIZES, strict=True)}  # fmt: skip
        with _marketplace(folder, originals) as (space, models):
            whole_s = _measure(space, models)
            while tally.kills < count and not tally.faults:
                _round(space, models, chance.uniform(0, whole_s), tally)
            tally.faults += _left_over(space)
    print("\n".join(tally.faults), end="\n" if tally.faults else "")
    print(
        f"{tally.kills} kills of a process that was downloading: {tally.resumed} left an unfinished"
        f" file, and all of them were finished ({tally.finished} times all {len(SIZES)} files);"
        f" {len(tally.faults)} faults."
    )
    return int(bool(tally.faults))


def _write_model(path: Path, size: int, chance: random.Random) -> Path:
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)
    path = path.with_suffix(".safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + chance.randbytes(size))
    return path


@contextmanager
def _marketplace(
    folder: Path, originals: dict[str, Path]
) -> Iterator[tuple[Workspace, list[ModelIdentity]]]:
    """The stand-in in a process of its own, so that this one has no threads when it forks."""
    command = [sys.executable, str(ROOT / "tests" / "support" / "marketplace")]
    with subprocess.Popen(
        [*command, *map(str, originals.values())], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().split() for _ in range(2 + len(originals))]
            if not all(lines):
                raise ToolError("The stand-in marketplace did not start.")
            urls = {line[0]: line[1] for line in lines[:2]}
            yield _workspace(folder, urls), [_identity(*line) for line in lines[2:]]
        finally:
            process.terminate()


def _workspace(folder: Path, urls: dict[str, str]) -> Workspace:
    from satchel.catalog import Catalog
    from satchel.folders import open_folders
    from satchel.settings import Settings, SourceSettings
    from satchel.workspace import Workspace

    (folder / "models" / "loras").mkdir(parents=True)
    settings = Settings(
        sources={"civitai": SourceSettings(urls["site"])},
        trusted_origins=frozenset({urls["storage"]}),
    )
    catalog = Catalog(folder / "state" / "catalog.sqlite3")
    return Workspace(settings, open_folders(folder / "models"), catalog)


def _identity(air: str, sha256: str, path: str) -> ModelIdentity:
    from satchel.identity import ModelIdentity, Source
    from satchel.marketplaces.civitai_records import download_url

    version = int(air.rpartition("@")[2].partition("+")[0].partition(".")[0])
    source = Source("civitai", download_url(version), version_id=version)
    file = Path(path)
    return ModelIdentity("loras", file.name, sha256.lower(), file.stat().st_size, sources=(source,))


def _measure(space: Workspace, models: list[ModelIdentity]) -> float:
    """How long one runner takes when nobody kills it."""
    _enqueue(space, models)
    started = time.monotonic()
    if _wait(_fork(space), _PATIENCE_S) is None:
        raise ToolError("The downloads take far too long.")
    taken = time.monotonic() - started
    if _states(space) != {"done"}:
        raise ToolError("The downloads do not even succeed when nobody kills them.")
    return taken


def _enqueue(space: Workspace, models: list[ModelIdentity]) -> None:
    from satchel.queueing import enqueue

    space.queue().clear()
    for model in models:
        (space.folders.first_root("loras") / model.name).unlink(missing_ok=True)
        enqueue(model, space)


def _round(space: Workspace, models: list[ModelIdentity], life_s: float, tally: Tally) -> None:
    if _states(space) == {"done"}:
        tally.finished += 1
        _enqueue(space, models)
    before = _arrived(space, models)
    process = _fork(space)
    if _wait(process, life_s) is not None:
        tally.too_late += 1
    else:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        tally.kills += 1
    after = _arrived(space, models)
    tally.resumed += any(0 < after[model.name] < (model.size or 0) for model in models)
    where = f"kill {tally.kills}"
    for name, count in before.items():
        if after[name] < count:
            tally.faults.append(f"{where}: {name} had {count} bytes, and has {after[name]}.")
    tally.faults += [f"{where}: {fault}" for fault in _wrong(space, models)]


def _fork(space: Workspace) -> int:
    """A process that works through the queue."""
    process = os.fork()
    if process:
        return process
    try:
        from satchel.progress import Cancellation
        from satchel.queueing import make_runner

        make_runner(space).run_until_idle(Cancellation())
    finally:
        os._exit(0)


def _wait(process: int, seconds: float) -> int | None:
    """The exit status of a process, or None when it is still running after that time."""
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return status
        if time.monotonic() >= deadline:
            return None
        time.sleep(0.001)


def _left_over(space: Workspace) -> list[str]:
    """Lets the last runner finish; what is not right or not tidy then."""
    _wait(_fork(space), _PATIENCE_S)
    hidden = [path.name for path in space.folders.first_root("loras").glob(".*")]
    faults = [f"{name} is left over." for name in hidden]
    if _states(space) != {"done"}:
        faults.append(f"In the end the queue has entries that are {sorted(_states(space))}.")
    return faults


def _states(space: Workspace) -> set[str]:
    return {entry.state for entry in space.queue().entries()}


def _arrived(space: Workspace, models: list[ModelIdentity]) -> dict[str, int]:
    """How much of each file is here, finished or not, as the next runner would see it."""
    from satchel.downloads.part import Part

    root = space.folders.first_root("loras")
    return {
        model.name: model.size or 0
        if (root / model.name).exists()
        else Part(_part(root, model)).arrived
        for model in models
    }


def _part(root: Path, model: ModelIdentity) -> Path:
    from satchel.downloads.values import pinned_order

    return pinned_order(model, root).part


def _wrong(space: Workspace, models: list[ModelIdentity]) -> list[str]:
    """What must not be after a kill."""
    faults = []
    root = space.folders.first_root("loras")
    by_name = {model.name: model for model in models}
    for path in root.iterdir():
        if path.name.startswith("."):
            continue
        model = by_name.get(path.name)
        if model is None:
            faults.append(f"{path.name} should not be there.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != model.sha256:
            faults.append(f"{path.name} has the wrong bytes.")
    for model in models:
        faults += _unlike(_part(root, model), root.parents[1] / "served" / model.name)
    queued = {entry.model.name for entry in space.queue().entries()}
    if queued != set(by_name):
        faults.append(f"The queue has lost {sorted(set(by_name) - queued)}.")
    return faults


def _unlike(part: Path, original: Path) -> list[str]:
    """Whether an unfinished file claims bytes that it does not have."""
    from satchel.downloads.part import Part

    if not part.exists():
        return []
    unfinished = Part(part)
    held, right = part.read_bytes(), original.read_bytes()
    return [
        f"{part.name} claims bytes {start} to {end}, which are not right."
        for start, end in unfinished.spans()
        if held[start:end] != right[start:end]
    ]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
