"""A stand-in for Replicate's API, its pages of weights and its delivery host."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from .links import Clock
from .messages import Reply, Request, html_reply, json_reply
from .object_store import ObjectStore
from .service import Service


class Replicate(Service):
    def __init__(self, *, tokens: Collection[str] = ()) -> None:
        clock = Clock()
        self.tokens = frozenset(tokens)
        self.trainings: dict[str, dict[str, Any]] = {}
        self.weights: dict[str, str] = {}
        """Path of a model's `_weights` page -> address of its tar."""
        self.store = ObjectStore(clock, signed=False)
        super().__init__(self._site, self.store.answer, clock=clock)

    def train(
        self, training_id: str, weights: Path, *, model: str = "brushfox/ink-wash",
        version: str = "8838" * 16, trigger_word: str = "INKWSH", **changes: Any,
    ) -> str:  # fmt: skip
        """Puts a training whose tar holds `weights`; returns the address of the tar."""
        archive = weights.with_suffix(".tar")
        pack(archive, {"output/flux_train_replicate/lora.safetensors": weights.read_bytes()})
        key = f"/xezq/{training_id}/trained_model.tar"
        self.store.put(key, archive, training_id)
        url = self.storage_url + key
        self.weights[f"/{model}/versions/{version}/_weights"] = url
        self.weights[f"/{model}/_weights"] = url
        self.trainings[training_id] = {
            "id": training_id, "status": "succeeded", "error": None,
            "model": "ostris/flux-dev-lora-trainer", "version": "1468" * 16,
            "input": {"trigger_word": trigger_word, "steps": 1000},
            "output": {"version": f"{model}:{version}", "weights": url},
            "completed_at": "2026-03-02T18:52:44.990Z", **changes,
        }  # fmt: skip
        return url

    def _site(self, request: Request) -> Reply:
        if request.path in self.weights:
            return Reply(302, {"Location": self.weights[request.path]})
        if request.path.endswith("/_weights"):
            return html_reply(404, "<html><body>Not found</body></html>")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            detail = "You did not pass a valid authentication token"
            return _problem(401, detail, title="Unauthenticated")
        if request.path == "/v1/account":
            return json_reply(200, {"type": "user", "username": "brushfox"})
        match = re.fullmatch(r"/v1/trainings/([^/]+)", request.path)
        training = self.trainings.get(match[1]) if match else None
        if training is None:
            return _problem(404, "The requested resource could not be found.")
        return json_reply(200, training)


def pack(archive: Path, members: dict[str, bytes]) -> None:
    """Writes a tar as the trainers do: settings and captions beside the weights."""
    extras = {"output/flux_train_replicate/config.yaml": b"trigger_word: INKWSH\n"}
    with tarfile.open(archive, "w") as tar:
        for name, data in {**extras, **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _problem(status: int, detail: str, **more: str) -> Reply:
    return json_reply(status, {"detail": detail, "status": status, **more})
