"""What people hand in - UI JSON, API JSON, an image, a lock, a bundle - as one value."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import untrusted_json
from ..errors import LockVersionError, WorkflowFormatError
from ..untrusted_json import TooManyValuesError
from .archives import Archive, is_archive
from .bundle_reader import read_archive
from .civitai_marks import without_marks
from .containers import HEAD_BYTES, Container, find_container
from .containers.bounded import Buffer
from .lock import LOCK_KEY, LOCK_VERSION, Lock, is_lock

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 100
"""Lists and objects inside each other; copying and writing recurse, so it has to be bounded."""
_NESTING = (dict, list)

Json = dict[str, Any]
_KEYWORDS = ("workflow", "prompt", LOCK_KEY)


@dataclass(frozen=True, slots=True)
class WorkflowDocument:
    """One workflow in every form that its file carries."""

    name: str
    ui: Json | None = None
    """Graph as the web UI saves it: `nodes`, `links`, ..."""
    api: Json | None = None
    """Graph as `/prompt` takes it: `{id: {class_type, inputs}}`."""
    lock: Lock | None = None
    image: bytes | None = None
    """The image that carried it, where a copy can be given other texts: a PNG or a WebP."""
    newer_lock: Json | None = None
    """The lock that it carries, if only a newer Satchel can read it: kept as it is."""
    bundle: Archive | None = None
    """The zip that it came in, with the images and models that may be in there."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What its reader should know, one sentence each."""
        if self.newer_lock is None or self.lock is not None:
            return ()
        version = self.newer_lock["version"]
        return (
            f"The workflow carries a lock of version {version}, which only a newer Satchel reads"
            f" (this one: up to {LOCK_VERSION}). It is kept as it is; what the graph itself says"
            " counts here.",
        )

    def with_lock(self, lock: Lock | None) -> WorkflowDocument:
        """The document with a lock from beside it, unless it carries its own."""
        return self if lock is None or self.lock is not None else replace(self, lock=lock)


def read_file(path: Path, lock_path: Path | None = None) -> WorkflowDocument:
    """Reads a workflow file; one without a lock takes it from `lock_path`.

    Args:
        lock_path: `NAME.lock.json` beside the graph by default, if there is one.

    Raises:
        WorkflowFormatError: it is missing, too large, or holds no workflow.
        UnreadableMediaError: an image or another container that is damaged.
        LockError: the lock in or beside it is malformed.
    """
    with _content(path) as content:
        zipped = is_archive(bytes(content[:HEAD_BYTES]))
        document = None if zipped else read_bytes(content, path.name)
    if document is None:
        document = read_archive(Archive(path, path.name), _read_single)
    if lock_path is None and document.lock is None:
        beside = path.with_name(f"{path.stem}.lock.json")
        lock_path = beside if beside.is_file() else None
    return document.with_lock(read_lock(lock_path)) if lock_path is not None else document


def read_bundle(path: Path, name: str) -> WorkflowDocument:
    """Reads the workflow of a zip, which is called otherwise than its file.

    Raises:
        ArchiveError, WorkflowFormatError, UnreadableMediaError, LockError: as `read_file`.
    """
    return read_archive(Archive(path, name), _read_single)


def read_lock(path: Path) -> Lock:
    """Reads the lock that a file is or carries.

    Raises:
        WorkflowFormatError, UnreadableMediaError, LockError: as `read_file`, or it has none.
    """
    with _content(path) as content:
        lock = read_bytes(content, path.name).lock
    if lock is None:
        raise WorkflowFormatError(
            f"{path.name} holds no lock.",
            hint="Make one with `satchel lock --write`.",
            name=path.name,
        )
    return lock


@contextmanager
def _content(path: Path) -> Iterator[Buffer]:
    """A file's bytes, mapped: of a long video only the metadata is ever read."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise WorkflowFormatError(
            f"{path} {what}.", hint="Give the path of a workflow file.", name=path.name
        )
    try:
        if not path.stat().st_size:
            raise _no_workflow(path.name, "it is empty")
        with (
            path.open("rb") as file,
            closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as content,
        ):
            yield content
    except OSError as error:
        raise _no_workflow(path.name, f"it cannot be read ({error.strerror})") from error


def read_bytes(content: Buffer, name: str) -> WorkflowDocument:
    """Reads a workflow from a file's bytes; the bytes decide what it is, not the name.

    Raises:
        WorkflowFormatError, UnreadableMediaError, LockError: as `read_file`.
    """
    if is_archive(bytes(content[:HEAD_BYTES])):
        if len(content) > MAX_FILE_BYTES:
            raise _no_workflow(name, "it is far too large")
        return read_archive(Archive(bytes(content[:]), name), _read_single)
    return _read_single(content, name)


def _read_single(content: Buffer, name: str) -> WorkflowDocument:
    """Reads what is no archive: an archive inside of an archive is not opened."""
    container = find_container(content)
    if container is not None:
        return _from_container(container, content, name)
    if len(content) > MAX_FILE_BYTES:
        raise _no_workflow(name, "it is far too large")
    try:
        value = _parse(bytes(content[:]).decode("utf-8-sig"))
    except TooManyValuesError as error:
        raise _no_workflow(name, str(error)) from error
    except (ValueError, RecursionError):
        raise _no_workflow(name, "it is neither JSON nor a file that can carry one") from None
    return read_json(value, name)


def read_json(value: Any, name: str) -> WorkflowDocument:
    """Tells the JSON forms apart: a lock, a UI graph, an API graph.

    Raises:
        WorkflowFormatError, LockError: as `read_file`.
    """
    if _is_too_deep(value):
        raise _no_workflow(name, "its JSON is nested too deeply")
    if is_lock(value):
        return WorkflowDocument(name, lock=Lock.from_json(value))
    if is_ui_graph(value):
        extra = value.get("extra")
        carried = extra.get(LOCK_KEY) if isinstance(extra, dict) else None
        return _carrying(WorkflowDocument(name, ui=value), carried)
    if is_api_graph(value):
        return WorkflowDocument(name, api=without_marks(value))
    # What a queue client posts: {"prompt": API graph, "extra_data": {"extra_pnginfo": ...}}
    if isinstance(value, dict) and is_api_graph(value.get("prompt")):
        ui = _posted_graph(value)
        document = read_json(ui, name) if ui is not None else WorkflowDocument(name)
        return replace(document, api=without_marks(value["prompt"]))
    raise _no_workflow(name, "its JSON is no ComfyUI graph")


def _carrying(document: WorkflowDocument, carried: Any) -> WorkflowDocument:
    """A document with the lock that came in it; what it names can be told without a newer one."""
    if carried is None:
        return document
    try:
        return replace(document, lock=Lock.from_json(carried))
    except LockVersionError:
        return replace(document, newer_lock=carried)


def _posted_graph(value: Json) -> Json | None:
    """The UI graph that a queue client sends along, for images to carry."""
    found: Any = value
    for key in ("extra_data", "extra_pnginfo", "workflow"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if is_ui_graph(found) else None


def is_ui_graph(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("nodes"), list)
        and all(isinstance(node, dict) and "type" in node for node in value["nodes"])
        and ("links" in value or "version" in value)
    )


def is_api_graph(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(
            isinstance(node, dict)
            and isinstance(node.get("class_type"), str)
            and isinstance(node.get("inputs", {}), dict)
            for node in value.values()
        )
    )


def _from_container(container: Container, content: Buffer, name: str) -> WorkflowDocument:
    texts = container.read_texts(content)
    texts = {key: texts[key] for key in _KEYWORDS if key in texts}
    try:
        untrusted_json.check_size(*texts.values())
    except TooManyValuesError as error:
        raise _no_workflow(name, str(error)) from error
    ui = _text_json(texts, "workflow", name)
    api = _text_json(texts, "prompt", name)
    document = read_json(ui, name) if ui is not None else WorkflowDocument(name)
    if api is not None:
        document = replace(document, api=read_json(api, name).api)
    carried = _text_json(texts, LOCK_KEY, name)
    # Made when the image was: the graph's own may be older.
    document = _carrying(document, carried)
    if document.ui is None and document.api is None and document.lock is None:
        raise _no_workflow(name, f"the {container.name} file carries none")
    can_be_rewritten = container.with_texts is not None and len(content) <= MAX_FILE_BYTES
    return replace(document, image=bytes(content[:])) if can_be_rewritten else document


def _text_json(texts: dict[str, str], keyword: str, name: str) -> Any:
    if keyword not in texts:
        return None
    try:
        return _parse(texts[keyword])
    except (ValueError, RecursionError):
        raise _no_workflow(name, f"its {keyword!r} text is no JSON") from None


def _parse(text: str) -> Any:
    """JSON as ComfyUI writes it: its Python side puts NaN there, which the web UI reads as null."""
    return untrusted_json.loads(text, parse_constant=lambda _: None)


def _is_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, _NESTING) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, _NESTING)
        ]
    return True


def _no_workflow(name: str, reason: str) -> WorkflowFormatError:
    return WorkflowFormatError(
        f"{name} holds no ComfyUI workflow: {reason}.",
        hint="Give a workflow saved or exported by ComfyUI: .json, or an image, video, sound or"
        " latent with its metadata, or a bundle.",
        name=name,
    )
