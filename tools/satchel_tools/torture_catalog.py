"""Kills a process that writes to the catalog, at random points, again and again.

    PYTHONPATH=tools python -m satchel_tools.torture_catalog [COUNT]

The writer says on its standard output what was committed. After each kill the catalog must open
without repair, pass SQLite's own check, still have everything that was said, and hold no record
with half of its parts.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from .core_import import make_core_importable
from .problems import ToolError

COUNT = 200
FRESH_EVERY = 5
"""Rounds between two new catalogs: the making of the tables is to be interrupted, too."""
MOST_WRITES = 12
"""A writer is killed after so many at most, and then at some moment of the next one."""
_LONGEST_MOMENT_S = 0.03
FILES_PER_RECORD = 3
READY = b"ready\n"


def main(count: int = COUNT, seed: int | None = None) -> int:
    """Runs `count` rounds and prints what came out; 1 if anything was lost.

    Raises:
        ToolError: the writer did not start.
    """
    make_core_importable()
    chance = random.Random(seed)
    committed = 0
    with tempfile.TemporaryDirectory(prefix="satchel-torture-") as base:
        folder, expected = Path(base) / "0", list[int]()
        for number in range(count):
            if number % FRESH_EVERY == 0:
                folder, expected = Path(base) / str(number), []
            path = folder / "catalog.sqlite3"
            writes = chance.randrange(MOST_WRITES + 1)
            moment_s = chance.uniform(0, _LONGEST_MOMENT_S)
            said = _round(path, number * 1_000_000, writes, moment_s)
            expected += said
            committed += len(said)
            faults = _faults(path, expected)
            if faults:
                print(f"round {number + 1}: " + "; ".join(faults))
                return 1
    print(
        f"{count} kills of a process that was writing to the catalog: {committed} committed"
        " writes, none lost; it opened clean every time."
    )
    return 0


def _round(path: Path, first: int, writes: int, moment_s: float) -> list[int]:
    """Lets a writer commit so often, kills it a moment later, returns what it said to be kept."""
    command = [sys.executable, "-m", __spec__.name, "--write", str(path), str(first)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as writer:
        assert writer.stdout is not None
        try:
            said = [writer.stdout.readline() for _ in range(writes + 1)]
            time.sleep(moment_s)
        finally:
            writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    if said[0] != READY:
        raise ToolError("The process that writes to the catalog did not start.")
    return [int(line) for line in said[1:] if line.endswith(b"\n")]  # the last may be cut


def _faults(path: Path, expected: Sequence[int]) -> list[str]:
    """What is wrong with a catalog; nothing is, if no fault was found."""
    from satchel.catalog import Catalog

    faults = []
    catalog = Catalog(path)
    known = {row.path for row in catalog.files.live() if row.digests is not None}
    lost = [number for number in expected if _path(number) not in known]
    lost += [n for n in expected if catalog.records.by_version("civitai", str(n)) is None]
    if lost:
        faults.append(f"{len(lost)} committed writes are lost, the first is {lost[0]}")
    if list(path.parent.glob("*.corrupt-*")):
        faults.append("it was set aside as damaged")
    with closing(sqlite3.connect(path)) as db:
        (check,) = db.execute("PRAGMA integrity_check").fetchone()
        if check != "ok":
            faults.append(f"SQLite finds it damaged: {check}")
        halves = db.execute(
            "SELECT count(*) FROM versions WHERE"
            " (SELECT count(*) FROM published JOIN published_digests"
            "  ON published = published.id WHERE version = versions.id) != ?",
            (FILES_PER_RECORD,),
        ).fetchone()
        if halves != (0,):
            faults.append(f"{halves[0]} records have half of their files")
    return faults


def _path(number: int) -> str:
    return os.path.realpath(f"/satchel-torture/{number}.safetensors")


def write(path: Path, first: int) -> None:
    """Writes until it is killed, and says each number once all of it is committed."""
    make_core_importable()
    from satchel.catalog import Catalog
    from satchel.catalog.notes import Note
    from satchel.folders import LocalModel
    from satchel.hashes import FileDigests

    os.write(1, READY)
    catalog = Catalog(path)
    number = first
    while True:
        sha256 = f"{number:064x}"
        file = Path(_path(number))
        model = LocalModel("loras", file.name, file, 100, number, str(file))
        catalog.remember(model, FileDigests(sha256, sha256[:12], 100))
        catalog.records.put([_record(number)])
        catalog.notes.put(model, [Note(text=f"note {number}")])
        catalog.remember_sources("civitai", {sha256: ()})
        if number % 7 == 0:
            catalog.search.find("note")
        os.write(1, b"%d\n" % number)
        number += 1


def _record(number: int) -> Any:
    from satchel.identity import ModelIdentity
    from satchel.marketplaces.records import PublishedFile, PublishedVersion

    files = tuple(
        PublishedFile(ModelIdentity("loras", f"{part}.safetensors", f"{number:060x}{part:04x}"))
        for part in range(FILES_PER_RECORD)
    )
    return PublishedVersion(
        "civitai", "Model", model_id=str(number), version_id=str(number), files=files
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write(Path(sys.argv[2]), int(sys.argv[3]))
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
