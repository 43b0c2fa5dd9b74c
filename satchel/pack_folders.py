"""What a node pack's folder says about itself: its pyproject.toml, and git's files.

git itself is not run. A registry install has a version and no `.git`; a clone has a commit.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

MAX_BYTES = 1 << 20
"""Of any of the files; packed-refs of large repositories are below that."""
_SHA1 = re.compile(r"[0-9a-f]{40}\Z")
_SCP = re.compile(r"(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!/)(.+)\Z")
_ORIGIN = re.compile(r'\[remote "origin"\]([^\[]*)')
_URL = re.compile(r"^\s*url\s*=\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PackFolder:
    """A pack as it is installed; what is not known is empty."""

    registry_id: str = ""
    """`[project] name` of a pack that names its publisher in the registry."""
    version: str = ""
    repository: str = ""
    """`https://host/owner/name`, without credentials."""
    commit: str = ""

    @property
    def github(self) -> str:
        """`owner/name` of a repository on GitHub."""
        host, _, path = self.repository.removeprefix("https://").partition("/")
        return path if host == "github.com" and path.count("/") == 1 else ""


def read_pack_folder(folder: Path) -> PackFolder:
    """Reads a pack's folder; files that are missing or damaged say nothing."""
    project, publisher, declared = _project(folder / "pyproject.toml")
    commit, origin = _git(folder)
    registry_id = str(project.get("name") or "").strip() if publisher else ""
    if origin and declared and origin.lower() != declared.lower():
        registry_id = ""  # somebody's fork: the registry's pack is another one
    version = project.get("version")
    return PackFolder(
        registry_id, version.strip() if isinstance(version, str) else "", origin or declared, commit
    )


def _project(path: Path) -> tuple[Mapping[str, Any], bool, str]:
    """The `[project]` table, whether there is a publisher, and the repository that it names."""
    try:
        tomllib = importlib.import_module("tomllib")
    except ModuleNotFoundError:
        return {}, False, ""  # Python 3.10 has no reader of TOML: only git tells
    try:
        document = tomllib.loads(_read(path))
    except ValueError:
        return {}, False, ""
    project = _table(document, "project")
    publisher = _table(_table(document, "tool"), "comfy").get("PublisherId")
    urls = {key.lower(): url for key, url in _table(project, "urls").items()}
    return project, bool(publisher), public_repository(str(urls.get("repository", "")))


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _git(folder: Path) -> tuple[str, str]:
    """Commit and origin of a clone; a submodule or work tree has a file that leads to its own."""
    git = folder / ".git"
    if git.is_file():
        where = _read(git).strip()
        if not where.startswith("gitdir:"):
            return "", ""
        git = folder / where.removeprefix("gitdir:").strip()
    common = git / _read(git / "commondir").strip() if (git / "commondir").is_file() else git
    origin = _ORIGIN.search(_read(common / "config"))
    url = _URL.search(origin[1]) if origin else None
    return _commit(git, common), public_repository(url[1]) if url else ""


def _commit(git: Path, common: Path) -> str:
    head = _read(git / "HEAD").strip()
    if not head.startswith("ref:"):
        return head if _SHA1.match(head) else ""
    name = head.removeprefix("ref:").strip()
    if not name.startswith("refs/") or ".." in name:
        return ""
    loose = _read(common / name).strip()
    if _SHA1.match(loose):
        return loose
    for line in _read(common / "packed-refs").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name and _SHA1.match(commit):
            return commit
    return ""


def public_repository(url: str) -> str:
    """`https://host/path` of a repository's address, without credentials and `.git`; empty for
    a path of this machine, or what is no address."""
    match = _SCP.match(url) if "://" not in url else None
    try:
        parts = urlsplit(f"ssh://{match[1]}/{match[2]}" if match else url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return ""
    path = parts.path.strip("/").removesuffix(".git")
    if parts.scheme not in ("https", "http", "ssh", "git") or "." not in host or not path:
        return ""
    return f"https://{host}/{path}"


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
