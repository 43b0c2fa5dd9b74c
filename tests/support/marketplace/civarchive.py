"""A stand-in for CivArchive: an index of mirrors by digest and by model, on a port of its own.

A miss of the documented API is 200 with empty lists, of the older one 404. What it was asked is
kept apart from the marketplace's requests.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .messages import Reply, Request, html_reply, json_reply
from .server import Listener

NOT_THERE = "<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>"


class CivArchive:
    def __init__(self, host: str = "127.0.0.1") -> None:
        self.requests: list[Request] = []
        self.legacy_only = False
        """Whether the documented API is gone, so that only the older one answers."""
        self.fails_with: int | None = None
        """Status of every answer, when set."""
        self._answers: dict[str, Any] = {}
        self.listener = Listener("archive", (host, 0), self._answer)

    @property
    def url(self) -> str:
        return self.listener.url

    def mirror(self, sha256: str, url: str | None, **fields: Any) -> None:
        """Lists one more mirror of a digest; `fields` as in its `files[]`."""
        listed = self._answers.setdefault(
            f"/api/v1/sha256/{sha256.lower()}", {"files": [], "models": []}
        )
        listed["files"].append(
            {
                "source": "huggingface", "url": url, "filename": (url or "").rpartition("/")[2],
                "model_id": None, "model_version_id": None, "is_gated": False, "is_paid": False,
                "deleted_at": None, **fields,
            }
        )  # fmt: skip

    def answer(self, path: str, body: Any) -> None:
        self._answers[path] = body

    def load_fixtures(self, path: Path) -> None:
        """Answers as recorded in a file of exchanges."""
        for exchange in json.loads(path.read_text("utf-8"))["exchanges"]:
            if exchange["response"]["status"] == 200:
                recorded = urlsplit(exchange["request"]["url"]).path
                self._answers[recorded] = exchange["response"]["body"]

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        if self.fails_with is not None:
            return json_reply(self.fails_with, {"error": "No."})
        is_v1 = request.path.startswith("/api/v1/")
        if is_v1 and self.legacy_only:
            return html_reply(404, NOT_THERE)
        if request.path in self._answers:
            return json_reply(200, self._answers[request.path])
        if re.fullmatch(r"/api/v1/sha256/[0-9a-f]{64}", request.path):
            return json_reply(200, {"files": [], "models": []})
        return json_reply(404, {"error": "Not found"})
