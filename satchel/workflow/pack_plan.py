"""Node packs: which ones a workflow was made with, which are here, and how to get the others.

Nothing here installs anything: code of strangers is the user's own decision. What is printed is the
command of ComfyUI-Manager's `comfy` or of git.

Sources: `properties.cnr_id`, `aux_id` and `ver` that ComfyUI-Manager and the frontend write on
nodes (docs.comfy.org, specs/workflow_json), the registry's `pyproject.toml`
(docs.comfy.org, registry/specifications), and git's own files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .documents import WorkflowDocument
from .lock_facts import carried_lock
from .subgraphs import definitions_of

CORE = "comfy-core"
"""The id that nodes of ComfyUI itself carry."""
MAX_PACKS = 1000
_MAX_FILE = 256 * 1024
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_REPOSITORY = re.compile(
    r"(?:https://)?(?:www\.)?([a-z0-9.-]+\.[a-z]{2,}/)?"
    r"([A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}?)(?:\.git)?/?\Z"
)
_COMMIT = re.compile(r"[0-9a-f]{7,40}\Z")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,63}\Z")

PackState = Literal["installed", "other_version", "missing"]


@dataclass
class WantedPack:
    """A pack that a workflow was made with, as the workflow tells it."""

    id: str = ""
    """Its id in the Comfy Registry; empty when only its repository is known."""
    repository: str = ""
    """`github.com/owner/name`."""
    version: str = ""
    """A release, or a commit."""
    node_types: dict[str, None] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return (self.id or self.repository).lower()


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A folder of custom nodes here."""

    folder: str
    id: str = ""
    repository: str = ""
    version: str = ""
    commit: str = ""

    def has_version(self, wanted: str) -> bool:
        """Whether it is at a release or a commit, of which either may be cut short."""
        if not wanted or wanted in ("nightly", "unknown"):
            return True
        if _COMMIT.match(wanted) and self.commit:
            return self.commit.startswith(wanted) or wanted.startswith(self.commit)
        return wanted.lstrip("v") == self.version.lstrip("v")


@dataclass(frozen=True, slots=True)
class PlannedPack:
    """One pack and whether it is here."""

    pack: WantedPack
    state: PackState
    installed: InstalledPack | None = None

    @property
    def command(self) -> str:
        """What fetches it, for a person to run; empty when it is here."""
        pack = self.pack
        if self.state == "installed":
            return ""
        if pack.id:
            is_release = pack.version and not _COMMIT.match(pack.version)
            at = f"@{pack.version}" if is_release else ""
            return f"comfy node install {shlex.quote(pack.id + at)}"
        clone = f"git clone {shlex.quote('https://' + pack.repository)}"
        if not _COMMIT.match(pack.version):
            return clone
        folder = pack.repository.rpartition("/")[2]
        return f"{clone} && git -C {shlex.quote(folder)} checkout {pack.version}"

    def to_json(self) -> dict[str, Any]:
        installed = self.installed
        return {
            "id": self.pack.id or None,
            "repository": self.pack.repository or None,
            "version": self.pack.version or None,
            "node_types": list(self.pack.node_types),
            "state": self.state,
            "folder": installed.folder if installed else None,
            "installed_version": (installed.version or installed.commit or None)
            if installed else None,
            "command": self.command or None,
        }  # fmt: skip


# --- what a workflow needs -------------------------------------------------------------------


def packs_of(document: WorkflowDocument) -> list[WantedPack]:
    """The packs that a document names: its lock's, and those its nodes carry."""
    found: dict[str, WantedPack] = {}
    for pack in (*_locked_packs(document), *_node_packs(document)):
        if not pack.key or pack.id == CORE or len(found) >= MAX_PACKS:
            continue
        known = found.setdefault(pack.key, pack)
        known.node_types.update(pack.node_types)
        known.version = known.version or pack.version
        known.repository = known.repository or pack.repository
    return list(found.values())


def _locked_packs(document: WorkflowDocument) -> Iterator[WantedPack]:
    entries = carried_lock(document).get("node_packs")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            types = entry.get("node_types")
            yield _pack(
                entry.get("cnr_id"),
                entry.get("aux_id") or entry.get("repository"),
                entry.get("version") or entry.get("commit"),
                types if isinstance(types, list) else (),
            )


def _node_packs(document: WorkflowDocument) -> Iterator[WantedPack]:
    graphs = [document.ui, *definitions_of(document.ui).values()] if document.ui else []
    for graph in graphs:
        nodes = graph.get("nodes")
        for node in nodes if isinstance(nodes, list) else ():
            properties = node.get("properties") if isinstance(node, dict) else None
            if isinstance(properties, dict):
                yield _pack(properties.get("cnr_id"), properties.get("aux_id"),
                            properties.get("ver"), [node.get("type")])  # fmt: skip


def _pack(pack_id: Any, repository: Any, version: Any, types: Iterable[Any]) -> WantedPack:
    """A pack from untrusted values; those that are malformed count as unknown."""
    known = version if isinstance(version, str) and _VERSION.match(version) else ""
    return WantedPack(
        pack_id if isinstance(pack_id, str) and _ID.match(pack_id) else "",
        repository_of(repository) if isinstance(repository, str) else "",
        known,
        {name: None for name in types if isinstance(name, str) and len(name) <= 200},
    )


def repository_of(text: str) -> str:
    """`github.com/owner/name` from a URL or `owner/name`; empty when it is neither."""
    text = re.sub(r"\A(?:git@|ssh://git@)([^:/]+)[:/]", r"https://\1/", text.strip())
    match = _REPOSITORY.match(text)
    if match is None or ".." in text:
        return ""
    return (match[1] or "github.com/") + match[2]


# --- what is here ----------------------------------------------------------------------------


def plan_packs(
    document: WorkflowDocument, folders: Iterable[Path] | None
) -> tuple[PlannedPack, ...]:
    """Compares a document's packs with the `custom_nodes` folders.

    Args:
        folders: None where nobody knows them: then nothing is said about packs.
    """
    wanted = packs_of(document) if folders is not None else []
    if not wanted or folders is None:
        return ()
    here = list(installed_packs(folders))
    return tuple(_planned(pack, here) for pack in wanted)


def _planned(pack: WantedPack, here: Iterable[InstalledPack]) -> PlannedPack:
    found = next((installed for installed in here if _is_same(pack, installed)), None)
    if found is None:
        return PlannedPack(pack, "missing")
    same = found.has_version(pack.version) or not (found.version or found.commit)
    return PlannedPack(pack, "installed" if same else "other_version", found)


def _is_same(pack: WantedPack, installed: InstalledPack) -> bool:
    if pack.repository and pack.repository.lower() == installed.repository.lower():
        return True
    return bool(pack.id) and pack.id.lower() in (installed.id.lower(), installed.folder.lower())


def installed_packs(folders: Iterable[Path]) -> Iterator[InstalledPack]:
    """The packs in `custom_nodes` folders; `NAME.disabled` and files do not count."""
    for root in folders:
        try:
            entries = sorted(root.iterdir())
        except OSError:
            continue
        for path in entries:
            off = path.name.startswith((".", "_")) or path.name.endswith(".disabled")
            if path.is_dir() and not off:
                yield _installed(path)


def _installed(path: Path) -> InstalledPack:
    project = _project_table(_read(path / "pyproject.toml"))
    remote = re.search(r"^\s*url\s*=\s*(\S+)\s*$", _read(path / ".git" / "config"), re.MULTILINE)
    repository = repository_of(remote[1]) if remote else ""
    return InstalledPack(
        path.name,
        project.get("name", ""),
        repository or repository_of(project.get("repository", "")),
        project.get("version", ""),
        _commit(path / ".git"),
    )


def _project_table(text: str) -> Mapping[str, str]:
    """`name`, `version` and `repository` of a pyproject.toml. Python 3.10 has no reader of TOML,
    and three plain texts need none: what is written in another way counts as unknown."""
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if heading := re.match(r"\s*\[([\w.\"' -]+)\]", line):
            section = heading[1].strip()
            continue
        entry = re.match(r"\s*([\w-]+)\s*=\s*[\"']([^\"']*)[\"']", line)
        if entry is not None and section in ("project", "project.urls"):
            found.setdefault(entry[1].lower(), entry[2])
    return found


def _commit(git: Path) -> str:
    """The commit that is checked out: HEAD, or what it points to."""
    head = _read(git / "HEAD").strip()
    if not head.startswith("ref: "):
        return head if _COMMIT.match(head) else ""
    name = head[5:].strip()
    if ".." in name or name.startswith("/"):
        return ""
    loose = _read(git / name).strip()
    if _COMMIT.match(loose):
        return loose
    packed = re.search(rf"^([0-9a-f]{{40}}) {re.escape(name)}$", _read(git / "packed-refs"),
                       re.MULTILINE)  # fmt: skip
    return packed[1] if packed else ""


def _read(path: Path) -> str:
    """The start of a small text file; empty when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return ""
