"""What people hand in - UI JSON, API JSON, a PNG, a lock - as one value."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import WorkflowFormatError
from . import png
from .lock import LOCK_KEY, Lock, is_lock

MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 100
"""Lists and objects inside each other; copying and writing recurse, so it has to be bounded."""

Json = dict[str, Any]


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
    """The PNG that carried it."""

    def with_lock(self, lock: Lock | None) -> WorkflowDocument:
        """The document with a lock from beside it, unless it carries its own."""
        return self if lock is None or self.lock is not None else replace(self, lock=lock)


def read_file(path: Path, lock_path: Path | None = None) -> WorkflowDocument:
    """Reads a workflow file; one without a lock takes it from `lock_path`.

    Args:
        lock_path: `NAME.lock.json` beside the graph by default, if there is one.

    Raises:
        WorkflowFormatError: it is missing, too large, or holds no workflow.
        UnreadableImageError: a PNG that is damaged.
        LockError: the lock in or beside it is malformed.
    """
    document = read_bytes(_content(path), path.name)
    if lock_path is None and document.lock is None:
        beside = path.with_name(f"{path.stem}.lock.json")
        lock_path = beside if beside.is_file() else None
    return document.with_lock(read_lock(lock_path)) if lock_path is not None else document


def read_lock(path: Path) -> Lock:
    """Reads the lock that a file is or carries.

    Raises:
        WorkflowFormatError, UnreadableImageError, LockError: as `read_file`, or it has none.
    """
    lock = read_bytes(_content(path), path.name).lock
    if lock is None:
        raise WorkflowFormatError(
            f"{path.name} holds no lock.",
            hint="Make one with `satchel lock --write`.",
            name=path.name,
        )
    return lock


def _content(path: Path) -> bytes:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise WorkflowFormatError(
            f"{path} {what}.", hint="Give the path of a workflow file.", name=path.name
        )
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _no_workflow(path.name, "it is far too large")
        return path.read_bytes()
    except OSError as error:
        raise _no_workflow(path.name, f"it cannot be read ({error.strerror})") from error


def read_bytes(content: bytes, name: str) -> WorkflowDocument:
    """Reads a workflow from a file's bytes; the bytes decide what it is, not the name.

    Raises:
        WorkflowFormatError, UnreadableImageError, LockError: as `read_file`.
    """
    if content.startswith(png.SIGNATURE):
        return _from_png(content, name)
    try:
        value = _parse(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise _no_workflow(name, "it is neither a PNG nor JSON") from None
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
        lock = Lock.from_json(carried) if carried is not None else None
        return WorkflowDocument(name, ui=value, lock=lock)
    if is_api_graph(value):
        return WorkflowDocument(name, api=value)
    # What a queue client posts: {"prompt": API graph, "extra_data": {"extra_pnginfo": ...}}
    if isinstance(value, dict) and is_api_graph(value.get("prompt")):
        return WorkflowDocument(name, api=value["prompt"])
    raise _no_workflow(name, "its JSON is no ComfyUI graph")


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


def _from_png(content: bytes, name: str) -> WorkflowDocument:
    texts = png.read_texts(content)
    ui = _text_json(texts, "workflow", name)
    api = _text_json(texts, "prompt", name)
    document = read_json(ui, name) if ui is not None else WorkflowDocument(name)
    if api is not None:
        document = replace(document, api=read_json(api, name).api)
    carried = _text_json(texts, LOCK_KEY, name)
    if carried is not None:
        document = document.with_lock(Lock.from_json(carried))
    if document.ui is None and document.api is None and document.lock is None:
        raise _no_workflow(name, "the image carries none")
    return replace(document, image=content)


def _text_json(texts: dict[str, str], keyword: str, name: str) -> Any:
    if keyword not in texts:
        return None
    try:
        return _parse(texts[keyword])
    except (ValueError, RecursionError):
        raise _no_workflow(name, f"its {keyword!r} text is no JSON") from None


def _parse(text: str) -> Any:
    """JSON as ComfyUI writes it: its Python side puts NaN there, which the web UI reads as null."""
    return json.loads(text, parse_constant=lambda _: None)


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        if not level:
            return False
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return True


def _no_workflow(name: str, reason: str) -> WorkflowFormatError:
    return WorkflowFormatError(
        f"{name} holds no ComfyUI workflow: {reason}.",
        hint="Give a workflow saved or exported by ComfyUI: .json, or a .png with its metadata.",
        name=name,
    )
