"""What tests of the download queue share: a model to fetch, and an entry for one."""

from __future__ import annotations

from pathlib import Path

from satchel.downloads import QueueEntry
from satchel.identity import ModelIdentity, Source


def model(host: str = "civitai.com", sha256: str | None = "a" * 64, name: str = "a.safetensors"):
    return ModelIdentity(
        "loras", name, sha256, 10, sources=(Source("civitai", f"https://{host}/m"),)
    )


def entry(number: int, state: str = "queued", host: str = "a.com", **fields) -> QueueEntry:
    return QueueEntry(
        number, model(host), Path("/m/a.safetensors"), state, position=number, **fields
    )
