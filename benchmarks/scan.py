"""Scanning against the limit: the catalog's scan beside a plain walk with one stat per file.

    python dev.py bench scan [--json] [--files 10000] [--rounds 3]

10,000 small files in 100 folders. The limit lists the folders, asks for every file's size and keeps
nothing. `first` is the scan into an empty catalog, `warm` finds that nothing changed,
`moved` follows 100 files that were renamed, `lookup` asks for the digests of 100 known files and
`search` finds words among all names. Ways take turns; the fastest round of each counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from satchel_tools.core_import import make_core_importable

make_core_importable()

from satchel.catalog import Catalog  # noqa: E402
from satchel.folders import ModelFolders  # noqa: E402
from satchel.hashes import FileDigests  # noqa: E402
from satchel.scan import scan  # noqa: E402

FOLDERS = 100
TARGETS = {"first": 3.0, "warm": 0.5}
"""Seconds for 10,000 files."""


def main() -> int:
    arguments = _parse_arguments()
    with tempfile.TemporaryDirectory(prefix="satchel-scan-") as directory:
        seconds = _measured(Path(directory), arguments.files, arguments.rounds)
    limit = seconds["walk and stat"]
    ratios = {name: taken / limit for name, taken in seconds.items()}
    if arguments.json:
        print(
            json.dumps({"files": arguments.files, "seconds": seconds, "ratios": ratios}, indent=1)
        )
        return 0
    print(f"{arguments.files} files")
    for name, taken in seconds.items():
        target = f"  (target {TARGETS[name]} s)" if name in TARGETS else ""
        print(f"{name:14}{taken:8.3f} s  {ratios[name]:6.2f} times a walk and stat{target}")
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def _measured(base: Path, files: int, rounds: int) -> dict[str, float]:
    root = base / "loras"
    for number in range(files):
        path = root / f"{number % FOLDERS:02}" / f"model {number}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x02" + bytes(7) + b"{}" + bytes(number % 7))
    folders = ModelFolders({"loras": (root,)})
    taken: dict[str, list[float]] = {}
    for turn in range(rounds):
        catalog = Catalog(base / f"{turn}.sqlite3")
        catalog.files.live()  # the tables are made
        _run(root, folders, catalog, taken)
    return {name: min(times) for name, times in taken.items()}


def _run(
    root: Path, folders: ModelFolders, catalog: Catalog, taken: dict[str, list[float]]
) -> None:
    _time(taken, "walk and stat", lambda: _walk(root))
    _time(taken, "first", lambda: scan(folders, catalog))
    _time(taken, "warm", lambda: scan(folders, catalog))
    models = list(folders.files())[:100]
    for number, model in enumerate(models):
        catalog.remember(model, FileDigests(f"{number:064x}", None, model.size))
    _time(taken, "lookup", lambda: catalog.files.digests(models))
    _time(taken, "search (first)", lambda: catalog.search.find("model 77"))
    _time(taken, "search", lambda: catalog.search.find("model 77"))
    renamed = [(model.path, model.path.with_name(f"renamed {model.path.name}")) for model in models]
    for old, new in renamed:
        old.rename(new)
    _time(taken, "moved", lambda: scan(folders, catalog))
    for old, new in renamed:
        new.rename(old)


def _walk(root: Path) -> int:
    """The least that a listing costs: one stat per file."""
    total = 0
    for directory, _, names in os.walk(root):
        for name in names:
            total += os.stat(os.path.join(directory, name)).st_size
    return total


def _time(taken: dict[str, list[float]], name: str, work: Callable[[], Any]) -> None:
    start = time.perf_counter()
    work()
    taken.setdefault(name, []).append(time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
