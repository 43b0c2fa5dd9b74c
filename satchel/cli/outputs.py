"""The files that commands write."""

from __future__ import annotations

import json
from pathlib import Path

from ..workflow.documents import WorkflowDocument
from ..workflow.export import PortableWorkflow, export
from ..workflow.lock import Lock


def write_locks(
    path: Path, document: WorkflowDocument, made: Lock, *, write: bool, embed: bool
) -> list[str]:
    """Writes what was asked for beside a graph; returns a sentence per file."""
    written: list[Path] = []
    if write:
        written.append(_write_lock(path.with_name(f"{path.stem}.lock.json"), made))
    if embed:
        written += _write_portable(path, export(document, made))
    return [f"Wrote {target}." for target in written]


def write_graph(target: Path, document: WorkflowDocument) -> Path:
    """Writes the graph, in the UI's form if there is one."""
    graph = document.ui if document.ui is not None else document.api
    target.write_text(json.dumps(graph, indent=2) + "\n", encoding="utf-8")
    return target


def _write_portable(path: Path, portable: PortableWorkflow) -> list[Path]:
    document = portable.document
    stem = path.stem.removesuffix(".portable")
    if document.image is not None:
        target = path.with_name(f"{stem}.portable{portable.image_suffix}")
        target.write_bytes(document.image)
        return [target]
    written = [write_graph(path.with_name(f"{stem}.portable.json"), document)]
    if document.ui is None:  # an API graph has no place for the lock
        written.append(_write_lock(path.with_name(f"{stem}.portable.lock.json"), portable.lock))
    return written


def _write_lock(target: Path, made: Lock) -> Path:
    target.write_text(json.dumps(made.to_json(), indent=2) + "\n", encoding="utf-8")
    return target
