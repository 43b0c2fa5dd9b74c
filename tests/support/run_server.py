"""A server for `satchel run` that answers whatever a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.graphs import api_graph, api_node

PREFIX = "/satchel/v1"
MODEL = {"name": "a.safetensors", "directory": "vae", "state": "missing", "fetch": True,
         "bytes": 5_000_000, "source": "civitai.com", "optional": False}  # fmt: skip
PLAN = {"models": [MODEL], "bytes_to_fetch": 5_000_000, "bytes_free": 10**12, "ok": False,
        "installable": True}  # fmt: skip
HERE = {**PLAN, "models": [{**MODEL, "state": "present", "fetch": False}], "bytes_to_fetch": 0,
        "ok": True, "installable": False}  # fmt: skip
API = api_graph(api_node("VAELoader", vae_name="a.safetensors"))


@dataclass
class Standin:
    """A server whose answers a test chooses: path -> JSON, (status, JSON) or a function."""

    answers: dict[str, Any]
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def asked(self, path: str) -> int:
        return sum(each[1] == path for each in self.seen)

    def headers(self) -> list[dict[str, str]]:
        return [each[2] for each in self.seen]


Go = Callable[..., int]
