"""Hashing against the limit: SHA256 and AutoV3 in one read, beside `hashlib.file_digest` alone.

    python dev.py bench hashing [--json] [--megabytes 512] [--rounds 5]

One file, cached by the system; the ways take turns, so that what else the machine does hits all of
them, and the fastest round of each counts. A ratio above 1 is faster than
`hashlib.file_digest(file, "sha256")`, which computes one digest where the others compute more. On
two free cores both digests can cost as much time as one, and no less: `two file_digests` is what
the machine allows at the moment, two threads that each compute one digest and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from satchel_tools.core_import import make_core_importable

make_core_importable()

from satchel.hashes import ALL_KINDS, DEFAULT_KINDS, hash_file, hash_files  # noqa: E402

MEMORY_LIMIT_BYTES = 64 << 20
TARGET = 0.95


def main() -> int:
    arguments = _parse_arguments()
    with tempfile.TemporaryDirectory(prefix="satchel-hashing-") as directory:
        path = _model_file(Path(directory) / "model.safetensors", arguments.megabytes << 20)
        halves = [_model_file(Path(directory) / f"{n}", arguments.megabytes << 19) for n in (1, 2)]
        ways: dict[str, Callable[[], Any]] = {
            "file_digest": lambda: _file_digest(path),
            "two file_digests": lambda: _twice(path),
            "default pair": lambda: hash_file(path, DEFAULT_KINDS),
            "all six": lambda: hash_file(path, ALL_KINDS),
            "two files at once": lambda: list(hash_files(halves, DEFAULT_KINDS)),
        }
        growth = _memory_growth(lambda: hash_file(path, ALL_KINDS))
        seconds = _fastest(ways, arguments.rounds)
    limit = seconds["file_digest"]
    ratios = {name: limit / taken for name, taken in seconds.items()}
    result = {
        "bytes": arguments.megabytes << 20,
        "cores": os.cpu_count(),
        "sha_instructions": _sha_instructions(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "seconds": seconds,
        "ratios": ratios,
        "memory_growth_bytes": growth,
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        _print(result)
    return int(growth is not None and growth > MEMORY_LIMIT_BYTES)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _model_file(path: Path, size: int) -> Path:
    header = b'{"__metadata__":{}}     '
    block = random.Random(0).randbytes(1 << 24)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        while file.tell() < size:
            file.write(block[: size - file.tell()])
    return path


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _twice(path: Path) -> None:
    """The limit: two digests of the same file, each on a thread that does nothing else."""
    other = threading.Thread(target=_file_digest, args=(path,))
    other.start()
    _file_digest(path)
    other.join()


def _fastest(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
    return {name: min(times) for name, times in taken.items()}


def _memory_growth(work: Callable[[], Any]) -> int | None:
    """How much more memory the process holds at most while it works; None where /proc is absent."""
    before = _resident()
    if before is None:
        return None
    most, done = before, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.005):
            most = max(most, _resident() or 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return most - before


def _resident() -> int | None:
    try:
        fields = Path("/proc/self/statm").read_text().split()
    except OSError:
        return None
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def _sha_instructions() -> bool | None:
    """Whether the processor has them, with which reading may cost more than hashing; None where
    /proc is absent. Without, both digests are bound by the cores alone."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return None
    return "sha_ni" in flags or "sha2" in flags


def _print(result: dict[str, Any]) -> None:
    megabytes = result["bytes"] >> 20
    print(f"{megabytes} MiB, {result['cores']} cores, load {result['load']},"
          f" SHA instructions: {result['sha_instructions']}")  # fmt: skip
    for name, taken in result["seconds"].items():
        print(f"{name:20}{taken:7.3f} s  {megabytes / taken:7.0f} MiB/s"
              f"  {result['ratios'][name]:5.2f} of file_digest")  # fmt: skip
    growth = result["memory_growth_bytes"]
    if growth is not None:
        print(f"memory while all six are computed: +{growth / (1 << 20):.1f} MiB (limit 64)")
    pair, limit = result["ratios"]["default pair"], result["ratios"]["two file_digests"]
    print(f"default pair: {pair:.2f} of file_digest (target {TARGET} on two free cores),"
          f" {pair / limit:.2f} of what two cores allow now")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
