"""What tests of the `satchel` command share: runs, what they print, files."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run printed and returned."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Outcome]


def written(path: Path, value: Any) -> Path:
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_files(models: Path) -> list[str]:
    """Everything in a models folder, unfinished files included, except what was set aside."""
    return sorted(
        path.relative_to(models).as_posix()
        for path in models.rglob("*")
        if path.is_file() and path.suffix != ".quarantine"
    )


def edited_lock(graph: Path, **model: Any) -> Path:
    """The LoRA of an exported graph's lock, changed; written beside it as a lock of its own."""
    lock = json.loads(graph.read_bytes())["extra"]["satchel"]
    lock["models"] = [{**m, **model} for m in lock["models"] if m["directory"] == "loras"]
    return written(graph.with_name("hostile.lock.json"), lock)


def satchel_process(*arguments: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "satchel", *map(str, arguments)],
        cwd=ROOT, capture_output=True, encoding="utf-8", timeout=60, **settings,
    )  # fmt: skip
