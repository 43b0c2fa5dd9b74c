"""A stand-in for ModelScope and its CDN: listings in an envelope, a digest for every file."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from .hashing import sha256_hex
from .links import Clock
from .messages import FileRange, Reply, Request, json_reply
from .object_store import ObjectStore
from .service import Service

TRUNCATED_AT = 3000
NOT_FOUND = "获取模型信息失败，信息不存在"


@dataclass(frozen=True, slots=True)
class ScopeFile:
    path: Path
    sha256: str
    size: int
    lfs: bool


class ModelScope(Service):
    def __init__(self, *, tokens: Collection[str] = (), truncated_at: int = TRUNCATED_AT) -> None:
        clock = Clock()
        self.tokens, self.truncated_at = frozenset(tokens), truncated_at
        self.files: dict[tuple[str, str], dict[str, ScopeFile]] = {}
        """By repository and revision."""
        self.private: set[str] = set()
        self.tags: dict[str, list[str]] = {}
        self.store = ObjectStore(clock)
        super().__init__(self._site, self.store.answer, clock=clock)

    def publish(
        self, repository: str, path: str, file: Path, *, revision: str = "master", lfs: bool = True
    ) -> ScopeFile:
        added = ScopeFile(file, sha256_hex(file).lower(), file.stat().st_size, lfs)
        self.files.setdefault((repository, revision), {})[path] = added
        self.store.put(f"/prod/lfs-objects/{added.sha256}", file, added.sha256[:32])
        return added

    def _site(self, request: Request) -> Reply:
        if request.path.startswith("/openapi/v1/"):
            return self._openapi(request)
        match = re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/(repo|repo/files)", request.path)
        if match is None:
            return _refuse(404, 10010101, "page not found")
        repository, route = match.groups()
        token = SimpleCookie(request.headers.get("Cookie", "")).get("m_session_id")
        if repository in self.private and (token is None or token.value not in self.tokens):
            return _refuse(403, 10010205003, "no permission")
        files = self.files.get((repository, request.arg("Revision") or "master"))
        if files is None:
            return _refuse(404, 10010205001, NOT_FOUND)
        return self._send(request, files) if route == "repo" else self._list(request, files)

    def _openapi(self, request: Request) -> Reply:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer and bearer not in self.tokens:
            return json_reply(401, {"success": False, "code": 401, "message": "invalid token"})
        if request.path == "/openapi/v1/users/me":
            if not bearer:
                return json_reply(401, {"success": False, "code": 401, "message": "no token"})
            return json_reply(200, {"success": True, "data": {"username": "brushfox"}})
        if request.path != "/openapi/v1/models":
            return json_reply(404, {"success": False, "code": 404, "message": "no such route"})
        page, size = int(request.arg("page_number") or 1), int(request.arg("page_size") or 10)
        if page * size > 3000:
            said = "page_number * page_size must be <= 3000"
            return json_reply(400, {"success": False, "code": 400, "message": said})
        models = self._matching(request)
        shown = models[(page - 1) * size : page * size]
        data = {"models": shown, "total_count": len(models), "page_number": page, "page_size": size}
        return json_reply(200, {"success": True, "request_id": "fixture", "data": data})

    def _matching(self, request: Request) -> list[dict[str, Any]]:
        wanted, owner = (request.arg("search") or "").lower(), request.arg("owner")
        tags = set(request.query.get("filter.custom_tag", ()))
        models = [
            {"id": repository, "display_name": repository.partition("/")[2].replace("-", " "),
             "description": "", "downloads": number, "likes": -number, "license": "Apache-2.0",
             "tasks": ["text-to-image-synthesis"], "tags": self.tags.get(repository, []),
             "created_at": "2025-02-11T10:00:00Z",
             "last_modified": f"2025-02-11T10:00:{number:02}Z"}
            for number, repository in enumerate(dict.fromkeys(name for name, _ in self.files))
            if wanted in repository.lower() and owner in (None, repository.partition("/")[0])
            and repository not in self.private and tags <= set(self.tags.get(repository, []))
        ]  # fmt: skip
        sort = request.arg("sort")
        if sort in ("downloads", "likes", "last_modified"):
            models.sort(key=lambda model: model[sort], reverse=True)
        return models

    def _list(self, request: Request, files: Mapping[str, ScopeFile]) -> Reply:
        root = request.arg("Root") or ""
        below = {path: file for path, file in files.items() if path.startswith(root)}
        recursive = (request.arg("Recursive") or "").lower() == "true"
        inside = f"{root}/" if root else ""
        entries: dict[str, dict[str, Any]] = {}
        for path, file in below.items():
            parts = path.removeprefix(inside).split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                folder = inside + "/".join(parts[:depth])
                entries[folder] = _entry(folder, "tree", "", 0, False)
            if recursive or len(parts) == 1:
                entries[path] = _entry(path, "blob", file.sha256, file.size, file.lfs)
        data = {"Files": list(entries.values())[: self.truncated_at], "IsVisual": 0}
        return json_reply(200, _envelope(200, "success", Success=True, Data=data))

    def _send(self, request: Request, files: Mapping[str, ScopeFile]) -> Reply:
        file = files.get(request.arg("FilePath") or "")
        if file is None:
            # The envelope says what the status does not.
            return _refuse(200, 10010101, "file not found")
        if file.lfs:
            link = self.store.link(f"/prod/lfs-objects/{file.sha256}", file.path.name)
            headers = {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
            return Reply(302, {"Location": self.storage_url + link, **headers})
        # Whatever range was asked for, all of it is sent.
        whole = f"bytes 0-{file.size - 1}/{file.size}"
        headers = {"Content-Type": "application/octet-stream", "Content-Range": whole}
        return Reply(200, headers, FileRange(file.path, 0, file.size))


def _entry(path: str, kind: str, sha256: str, size: int, lfs: bool) -> dict[str, Any]:
    return {
        "Name": path.rpartition("/")[2], "Path": path, "Type": kind, "Size": size,
        "Sha256": sha256, "IsLFS": lfs, "InCheck": False, "Mode": "100644",
        "Revision": "aa4ed4df8d51ec71be0ab7b8f32603ddcbe450eb", "CommittedDate": 1739268104,
    }  # fmt: skip


def _envelope(code: int, message: str, **more: Any) -> dict[str, Any]:
    return {"Code": code, "Message": message, "RequestId": "fixture", **more}


def _refuse(status: int, code: int, message: str) -> Reply:
    return json_reply(status, _envelope(code, message, Success=False))
