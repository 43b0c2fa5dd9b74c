"""A stand-in for the Hugging Face Hub and its CDN: repositories, commits, gates and redirects.

with HuggingFace(tokens=("hf_good",)) as hub:
    hub.publish("brushfox/ink", "ink.safetensors", path, tags=("lora",))
    hub.settings("brushfox/ink", gated="auto")
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from .hashing import sha256_hex
from .links import Clock
from .messages import FileRange, Reply, Request, json_reply
from .object_store import ObjectStore
from .service import Service

PAGE = 1000


@dataclass(frozen=True, slots=True)
class HubFile:
    path: Path
    sha256: str
    size: int
    lfs: bool

    @property
    def git_oid(self) -> str:
        return hashlib.sha1(self.sha256.encode(), usedforsecurity=False).hexdigest()

    @property
    def xet_hash(self) -> str:
        return hashlib.blake2b(self.sha256.encode(), digest_size=32).hexdigest()


@dataclass(frozen=True, slots=True)
class Repository:
    id: str
    commits: Mapping[str, Mapping[str, HubFile]] = field(default_factory=dict)
    """Newest last; each by path."""
    branches: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    gated: str | bool = False
    private: bool = False
    disabled: bool = False
    granted: frozenset[str] = frozenset()
    """Tokens that may read it although it is gated or private."""
    scans: Mapping[str, str] = field(default_factory=dict)
    """Security status by path."""

    def commit_of(self, revision: str) -> str | None:
        commit = self.branches.get(revision, revision)
        return commit if commit in self.commits else None


class HuggingFace(Service):
    def __init__(self, *, tokens: Collection[str] = (), page: int = PAGE) -> None:
        """`page` is how many entries of a tree one answer holds."""
        clock = Clock()
        self.tokens, self.page = frozenset(tokens), page
        self.repositories: dict[str, Repository] = {}
        self.renamed: dict[str, str] = {}
        self.store = ObjectStore(clock)
        super().__init__(self._site, self.store.answer, clock=clock)

    def publish(
        self, repository: str, path: str, file: Path, *, lfs: bool = True, branch: str = "main",
        **settings: Any,
    ) -> HubFile:  # fmt: skip
        """Commits a file to a branch; `settings` are fields of the repository."""
        known = self.repositories.get(repository, Repository(repository))
        before = known.commits.get(known.branches.get(branch, ""), {})
        added = HubFile(file, sha256_hex(file).lower(), file.stat().st_size, lfs)
        files = {**before, path: added}
        facts = "".join(f"{name}\n{one.sha256}\n" for name, one in files.items())
        commit = hashlib.sha1(facts.encode(), usedforsecurity=False).hexdigest()
        self.repositories[repository] = replace(
            known,
            commits={**known.commits, commit: files},
            branches={**known.branches, branch: commit},
            **settings,
        )
        self.store.put(f"/xet-bridge-us/67aa/{added.xet_hash}", file, added.xet_hash)
        return added

    def settings(self, repository: str, **settings: Any) -> None:
        self.repositories[repository] = replace(self.repositories[repository], **settings)

    def commit(self, repository: str, branch: str = "main") -> str:
        return self.repositories[repository].branches[branch]

    # --- the site --------------------------------------------------------------------------------

    def _site(self, request: Request) -> Reply:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.tokens:
            return _refuse(401, "", "Invalid credentials in Authorization header")
        target = urlsplit(request.target)
        for pattern, route in ROUTES:
            match = re.fullmatch(pattern, target.path)
            if match:
                return route(
                    self, request, token, *(unquote(part or "") for part in match.groups())
                )
        return _refuse(404, "", "Sorry, we can't find the page you are looking for.")

    def whoami(self, request: Request, token: str) -> Reply:
        if not token:
            return _refuse(401, "", "Invalid username or password.")
        return json_reply(200, {"type": "user", "name": "brushfox", "isPro": False, "orgs": []})

    def search(self, request: Request, token: str) -> Reply:
        wanted, author = request.arg("search") or "", request.arg("author") or ""
        found = [
            repository
            for repository in self.repositories.values()
            if wanted.lower() in repository.id.lower()
            and repository.id.startswith(author)
            and not repository.private
            and set(request.query.get("filter", ())) <= set(repository.tags)
        ]
        start, limit = int(request.arg("cursor") or 0), int(request.arg("limit") or PAGE)
        page = [self._body(one, one.branches["main"], blobs=False) for one in found]
        more = start + limit < len(found)
        headers = self._next_link(request, start + limit) if more else {}
        return _with(json_reply(200, page[start : start + limit]), headers)

    def info(self, request: Request, token: str, repository: str, revision: str) -> Reply:
        found = self._find(request, token, repository, revision or "main")
        if isinstance(found, Reply):
            return found
        blobs = request.arg("blobs") == "true"
        return json_reply(200, self._body(*found, blobs=blobs))

    def tree(
        self, request: Request, token: str, repository: str, revision: str, folder: str
    ) -> Reply:
        found = self._find(request, token, repository, revision)
        if isinstance(found, Reply):
            return found
        entries = [
            entry for entry in _entries(*found)
            if entry["path"].startswith(f"{folder}/" if folder else "")
        ]  # fmt: skip
        if folder and not entries:
            return _refuse(404, "EntryNotFound", f'"{folder}" does not exist on "{revision}"')
        start = int(request.arg("cursor") or 0)
        more = start + self.page < len(entries)
        headers = self._next_link(request, start + self.page) if more else {}
        return _with(json_reply(200, entries[start : start + self.page]), headers)

    def paths_info(self, request: Request, token: str, repository: str, revision: str) -> Reply:
        found = self._find(request, token, repository, revision)
        if isinstance(found, Reply):
            return found
        if "json" in request.headers.get("Content-Type", ""):
            paths = json.loads(request.body)["paths"]
        else:
            paths = parse_qs(request.body.decode()).get("paths", [])
        scans = found[0].scans
        return json_reply(200, [
            {**entry, "securityFileStatus": {"status": scans.get(entry["path"], "safe")}}
            for entry in _entries(*found) if entry["path"] in paths
        ])  # fmt: skip

    def resolve(
        self, request: Request, token: str, repository: str, revision: str, path: str
    ) -> Reply:
        found = self._find(request, token, repository, revision)
        if isinstance(found, Reply):
            return found
        known, commit = found
        if known.disabled:
            return _refuse(403, "", "Access to this resource is disabled.")
        if known.gated and token not in known.granted:
            return _gate(known.id, bool(token))
        file = known.commits[commit].get(path)
        if file is None:
            return _refuse(404, "EntryNotFound", "Entry not found")
        headers = {
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
            "X-Linked-Size": str(file.size),
        }
        if file.lfs:
            headers |= {
                "ETag": f'W/"{file.git_oid[:20]}"',
                "X-Linked-ETag": f'"{file.sha256}"',
                "X-Xet-Hash": file.xet_hash,
                "Location": self.storage_url
                + self.store.link(f"/xet-bridge-us/67aa/{file.xet_hash}", path.rpartition("/")[2]),
            }
            return Reply(302, headers, b"Found. Redirecting")
        etag = f'"{file.git_oid}"'
        place = f"/api/resolve-cache/models/{known.id}/{commit}/{quote(path)}"
        return Reply(307, {**headers, "ETag": etag, "X-Linked-ETag": etag, "Location": place})

    def cached(
        self, request: Request, token: str, repository: str, commit: str, path: str
    ) -> Reply:
        file = self.repositories[repository].commits[commit][path]
        headers = {"ETag": f'"{file.git_oid}"', "Content-Type": "application/octet-stream"}
        return Reply(200, headers, FileRange(file.path, 0, file.size))

    def _find(
        self, request: Request, token: str, repository: str, revision: str
    ) -> tuple[Repository, str] | Reply:
        """The repository and the commit that a revision stands for, or the refusal."""
        if repository in self.renamed:
            location = request.target.replace(repository, self.renamed[repository], 1)
            return Reply(307, {"Location": location})
        known = self.repositories.get(repository)
        if known is None or (known.private and token not in known.granted):
            if token:
                return _refuse(404, "RepoNotFound", "Repository not found")
            return _refuse(401, "RepoNotFound", "Invalid username or password.")
        commit = known.commit_of(revision)
        if commit is None:
            return _refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return known, commit

    def _body(self, repository: Repository, commit: str, *, blobs: bool) -> dict[str, Any]:
        return {
            "_id": "67aa1f2b9c0d4e5f6a7b8c9d",
            "id": repository.id,
            "modelId": repository.id,
            "author": repository.id.partition("/")[0],
            "sha": commit,
            "lastModified": "2026-02-11T10:21:44.000Z",
            "private": repository.private,
            "gated": repository.gated,
            "disabled": repository.disabled,
            "tags": [*repository.tags, "region:us"],
            "cardData": dict(repository.card),
            "siblings": [
                {"rfilename": path} | ({"size": file.size, **_lfs(file, "sha256")} if blobs else {})
                for path, file in repository.commits[commit].items()
            ],
        }  # fmt: skip

    def _next_link(self, request: Request, start: int) -> dict[str, str]:
        bare = re.sub(r"[?&]cursor=[^&]*", "", request.target)
        # The Hub names itself, whatever mirror was asked.
        return {"Link": f'<https://huggingface.co{bare}&cursor={start}>; rel="next"'}


_REPOSITORY = r"([^/]+(?:/[^/]+)?)"
ROUTES: tuple[tuple[str, Any], ...] = (
    (r"/api/whoami-v2", HuggingFace.whoami),
    (r"/api/models", HuggingFace.search),
    (rf"/api/models/{_REPOSITORY}/tree/([^/]+)(?:/(.+))?", HuggingFace.tree),
    (rf"/api/models/{_REPOSITORY}/paths-info/([^/]+)", HuggingFace.paths_info),
    (rf"/api/models/{_REPOSITORY}/revision/([^/]+)", HuggingFace.info),
    (rf"/api/models/{_REPOSITORY}()", HuggingFace.info),
    (rf"/api/resolve-cache/models/{_REPOSITORY}/([^/]+)/(.+)", HuggingFace.cached),
    (rf"/{_REPOSITORY}/resolve/([^/]+)/(.+)", HuggingFace.resolve),
)
"""Path as it came over the wire and what answers; the first match wins."""


def _entries(repository: Repository, commit: str) -> list[dict[str, Any]]:
    files = repository.commits[commit]
    folders = {
        "/".join(parts[:depth])
        for path in files
        for parts in [path.split("/")]
        for depth in range(1, len(parts))
    }
    return [
        *({"type": "directory", "size": 0, "path": folder} for folder in sorted(folders)),
        *(
            {"type": "file", "oid": file.git_oid, "size": file.size, "path": path,
             **_lfs(file, "oid"), **({"xetHash": file.xet_hash} if file.lfs else {})}
            for path, file in files.items()
        ),
    ]  # fmt: skip


def _lfs(file: HubFile, key: str) -> dict[str, Any]:
    """`oid` in trees, `sha256` in a model's body."""
    return {"lfs": {key: file.sha256, "size": file.size, "pointerSize": 134}} if file.lfs else {}


def _gate(repository: str, logged_in: bool) -> Reply:
    said = f"Access to model {repository} is restricted"
    if logged_in:
        page = f"https://huggingface.co/{repository}"
        message = f"{said} and you are not in the authorized list. Visit {page} to ask for access."
        return _refuse(403, "GatedRepo", message)
    return _refuse(401, "GatedRepo", f"{said}. You must have access to it. Please log in.")


def _refuse(status: int, code: str, message: str) -> Reply:
    headers = {"X-Error-Message": message, "X-Request-Id": "Root=1-fixture"}
    if code:
        headers["X-Error-Code"] = code
    return _with(json_reply(status, {"error": message}), headers)


def _with(reply: Reply, headers: Mapping[str, str]) -> Reply:
    return replace(reply, headers={**reply.headers, **headers})


__all__ = ["HubFile", "HuggingFace", "Repository"]
