"""Time to identify a LoRA from its header, beside reading that header with safetensors itself.

    python dev.py bench identify [--json] [--rounds 30]

Each file has the true names and shapes of a trainer's file and no bytes on disk behind its header.
`identify` reads, checks and identifies: architecture, dialect, algorithm, ranks, words. `loads` is
`json.loads` of the header's text and no more; `open` is `safetensors.safe_open`, its metadata and
its names, with nothing told about them. All are the least processor time of a call, taken in turns
in one run, so that a busy machine counts little; `x loads` is the first divided by the second.
`first` is the first call of a fresh process: module tables are compiled, and spellings of names
remembered, at their first use.
Targets: under 2 ms for a typical file, under 20 ms for a header of 1 MB.
"""

from __future__ import annotations

import argparse
import json
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from support.lora_key_tables import TABLES, load_table

from satchel.lora.identify import identify_lora
from satchel.safetensors_header import read_header

FILES = {
    "Flux, ai-toolkit": ("diffusers_flux_dev", 0),
    "Wan 2.1, musubi": ("musubi_wan21_14b", 0),
    "SD 1.5, kohya": ("kohya_sd15", 0),
    "SDXL, kohya": ("kohya_sdxl", 0),
    "Flux, kohya": ("kohya_flux_dev", 0),
    "SDXL LoHa, 1 MB of header": ("kohya_sdxl_loha", 1_000_000),
}
"""Title -> key table, and the bytes up to which the metadata fills its header."""


@dataclass
class Row:
    """One file in the table; times in milliseconds."""

    file: str
    architecture: str
    tensors: int
    header_bytes: int
    identify: float
    loads: float
    open: float
    ratio: float
    """Of `identify` to `loads`."""
    first: float


def main() -> int:
    arguments = _parse_arguments()
    if arguments.first:
        print(_milliseconds(lambda: _identify(arguments.first)))
        return 0
    with tempfile.TemporaryDirectory(prefix="satchel-identify-") as directory:
        rows = [
            _measure(title, _write(Path(directory) / f"{number}.safetensors", *how),
                     arguments.rounds)
            for number, (title, how) in enumerate(FILES.items())
        ]  # fmt: skip
    if arguments.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1))
        return 0
    print(
        f"{'file':27}{'tensors':>8}{'header':>9}{'identify':>10}{'loads':>9}{'x loads':>9}"
        f"{'open':>9}{'first':>9}"
    )
    for row in rows:
        print(f"{row.file:27}{row.tensors:8}{row.header_bytes / 1000:6.0f} KB"
              f"{row.identify:7.2f} ms{row.loads:6.2f} ms{row.ratio:9.1f}"
              f"{row.open:6.2f} ms{row.first:6.1f} ms  {row.architecture}")  # fmt: skip
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=30, help="calls per file and way")
    parser.add_argument("--first", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _write(path: Path, table: str, fill: int) -> Path:
    """A file with a table's header, in float16; its metadata lists tags until it is full."""
    loaded = load_table(TABLES / f"{table}.json")
    metadata = {str(key): str(value) for key, value in loaded["metadata"].items()}
    document: dict[str, Any] = {"__metadata__": metadata}
    position = 0
    for name, shape in loaded["tensors"].items():
        size = 2
        for dimension in shape:
            size *= dimension
        document[name] = {
            "dtype": "F16",
            "shape": shape,
            "data_offsets": [position, position + size],
        }
        position += size
    missing = fill - len(json.dumps(document, separators=(",", ":")))
    if missing > 0:
        tags = {f"a tag of the training set {number:06}": 1 + 900 // (number + 1)
                for number in range(missing // 40)}  # fmt: skip
        metadata["ss_tag_frequency"] = json.dumps({"10_set": tags})
    header = json.dumps(document, separators=(",", ":")).encode()  # as the library writes it
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + position)
    return path


def _measure(title: str, path: Path, rounds: int) -> Row:
    own = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv[1:])]
    command = [sys.executable, *own, "--first", str(path)]
    first = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    identity = _identify(path)
    header = read_header(path)
    with path.open("rb") as file:
        text = file.read(header.data_start)[8:].decode()
    calls = (lambda: _identify(path), lambda: json.loads(text), lambda: _open(path))
    rows = [[_milliseconds(call) for call in calls] for _ in range(rounds)]
    identify, loads, other = map(min, zip(*rows, strict=True))
    architecture = identity.architecture or " or ".join(identity.candidates)
    size = header.data_start - 8
    return Row(
        title, architecture, len(header.tensors), size, identify, loads, other, identify / loads,
        first,
    )  # fmt: skip


def _identify(path: Path) -> Any:
    return identify_lora(read_header(path))


def _open(path: Path) -> Any:
    with safe_open(path, "np") as file:
        return file.metadata(), list(file.keys())


def _milliseconds(call: Callable[[], Any]) -> float:
    start = time.thread_time()
    call()
    return (time.thread_time() - start) * 1000


if __name__ == "__main__":
    sys.exit(main())
