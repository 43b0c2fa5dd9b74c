"""What a model file is, from its own bytes: digests, and what its header tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import ModelNotFoundError
from .folders import LocalModel
from .lora.identify import identify_lora
from .safetensors_header import SafetensorsHeader, read_header
from .workspace import Workspace


def identify_file(path: Path, workspace: Workspace) -> dict[str, Any]:
    """Facts about one file, in the shape that `satchel identify --json` prints.

    Raises:
        ModelNotFoundError: there is no such file.
        SafetensorsHeaderError: a .safetensors file that is none.
    """
    if not path.is_file():
        raise ModelNotFoundError(
            f"There is no file {path}.", hint="Check the path.", name=str(path)
        )
    header = None
    if path.suffix.lower() in (".safetensors", ".sft"):
        header = read_header(path)
    status = path.stat()
    kind = workspace.folders.kind_of(path)
    local = LocalModel(kind or "", path.name, path, status.st_size, status.st_mtime_ns)
    digests = workspace.library().digests(local)
    assert digests is not None, "a library that may hash always knows"
    facts = _lora_facts(header)
    return {
        "name": path.name,
        "path": str(path),
        "size": digests.size,
        "sha256": digests.sha256,
        "autov3": digests.autov3,
        "kind": kind or ("loras" if facts["algorithm"] else None),
        **facts,
    }


def _lora_facts(header: SafetensorsHeader | None) -> dict[str, Any]:
    if header is None:
        return {
            "architecture": None,
            "candidates": [],
            "dialect": None,
            "algorithm": None,
            "rank": {"min": None, "mode": None, "max": None},
            "trainer": None,
            "trigger_words": [],
            "claimed_base_model": None,
        }
    found = identify_lora(header)
    return {
        "architecture": found.architecture,
        "candidates": list(found.candidates),
        "dialect": found.dialect,
        "algorithm": found.algorithm,
        "rank": {"min": found.rank.min, "mode": found.rank.mode, "max": found.rank.max},
        "trainer": found.trainer,
        "trigger_words": list(found.trigger_words),
        "claimed_base_model": found.claimed_base_model,
    }
