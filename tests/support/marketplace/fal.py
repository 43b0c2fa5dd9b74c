"""A stand-in for fal's queue and its media hosts: results of trainers, files that expire."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from .hashing import sha256_hex
from .links import Clock
from .messages import Reply, Request, json_reply
from .object_store import ObjectStore
from .service import Service

LOGIN = "Authentication is required to access this application."


class Fal(Service):
    def __init__(self, *, keys: Collection[str] = ()) -> None:
        clock = Clock()
        self.keys = frozenset(keys)
        self.results: dict[str, tuple[int, Any]] = {}
        """Status and body by the path of a request."""
        self.store = ObjectStore(clock, signed=False)
        super().__init__(self._site, self.store.answer, clock=clock)

    def store_file(self, key: str, path: Path) -> dict[str, Any]:
        """Offers a file; answers the `File` object that names it."""
        self.store.put(key, path, sha256_hex(path)[:32])
        return {
            "url": self.storage_url + key,
            "content_type": "application/octet-stream",
            "file_name": path.name,
            "file_size": path.stat().st_size,
        }

    def train(
        self, app: str, request_id: str, files: Mapping[str, Any], config: Any = None,
        folder: Path | None = None,
    ) -> str:  # fmt: skip
        """Puts a training's answer; returns the address of its request, as fal writes it."""
        body = dict(files)
        if config is not None and folder is not None:
            path = folder / f"{request_id}-config.json"
            path.write_text(json.dumps(config), "utf-8")
            body["config_file"] = self.store_file(f"/files/tiger/{request_id}_config.json", path)
        return self.answer(app, request_id, 200, body)

    def answer(self, app: str, request_id: str, status: int, body: Any) -> str:
        path = f"/{app}/requests/{request_id}"
        self.results[path] = status, body
        return f"https://queue.fal.run{path}"

    def _site(self, request: Request) -> Reply:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Key" or key not in self.keys:
            return json_reply(401, {"detail": LOGIN})
        if not re.fullmatch(r"/.+/requests/[^/]+", request.path):
            return json_reply(404, {"detail": "Not Found"})
        status, body = self.results.get(request.path, (404, {"detail": "Request not found"}))
        return json_reply(status, body)
