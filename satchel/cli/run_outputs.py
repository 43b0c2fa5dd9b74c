"""What came of a run on a server: the outputs to save, and words for people.

All of it is what a server answered, so nothing is taken for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import BadResponseError, UnsafePathError
from ..file_names import checked_name
from .server import Server
from .terminal import plain, size_text, table

HERE = ("present", "renamed")


def save(server: Server, entry: Mapping[str, Any], output: Path | None) -> list[Path]:
    """Saves every output to a folder, under names that are free there."""
    if output is None:
        return []
    output.mkdir(parents=True, exist_ok=True)
    saved = []
    for found in _outputs(entry):
        target = _free_name(output, found["filename"])
        server.download(found, target)
        saved.append(target)
    return saved


def _outputs(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    """`filename`, `subfolder` and `type` of each file of a run; previews are no outputs."""
    found = []
    outputs = entry.get("outputs")
    for node in outputs.values() if isinstance(outputs, dict) else ():
        for values in node.values() if isinstance(node, dict) else ():
            for value in values if isinstance(values, list) else ():
                if isinstance(value, dict) and value.get("type") == "output":
                    texts = {key: str(value.get(key, "")) for key in
                             ("filename", "subfolder", "type")}  # fmt: skip
                    if texts["filename"]:
                        found.append(texts)
    return found


def _free_name(folder: Path, name: str) -> Path:
    """Where an output is saved; its name is the server's word, and stays inside the folder."""
    try:
        path = PurePosixPath(checked_name(PurePosixPath(name.replace("\\", "/")).name))
    except UnsafePathError:
        path = PurePosixPath("output.bin")
    target, number = folder / path.name, 1
    while target.exists():
        target = folder / f"{path.stem}-{number}{path.suffix}"
        number += 1
    return target


def failure_of(entry: Mapping[str, Any]) -> str:
    """Why the run failed; empty when it did not."""
    status = entry.get("status")
    if not isinstance(status, dict) or status.get("status_str") == "success":
        return ""
    for message in status.get("messages") or ():
        kind, told = (*message, None, None)[:2] if isinstance(message, list) else (None, None)
        if kind == "execution_error" and isinstance(told, dict):
            return (
                f"Node {told.get('node_id')} ({told.get('node_type')}) failed:"
                f" {str(told.get('exception_message')).strip()}"
            )
        if kind == "execution_interrupted":
            return "The run was interrupted."
    return "The run failed."


# --- words ---------------------------------------------------------------------------------------


def plan_text(plan: Mapping[str, Any], uploaded: int = 0) -> str:
    """The models and node packs of a plan, and how much the server fetches itself."""
    rows = [
        (
            "optional" if model.get("optional") and model.get("state") not in HERE
            else str(model.get("state")),
            str(model.get("name")), str(model.get("directory")),
            size_text(count_of(model.get("bytes"))), _note(model),
        )
        for model in models_of(plan)
    ]  # fmt: skip
    told = [str(note) for note in plan.get("notes") or ()]
    told += [
        f"Node pack {pack.get('id') or pack.get('repository')} is missing on the server."
        f" To get it: {pack.get('command')}"
        for pack in plan.get("node_packs") or ()
        if pack.get("state") == "missing"
    ]
    total = f"To fetch: {size_text(max(0, count_of(plan.get('bytes_to_fetch')) - uploaded))}."
    return "\n".join([table(rows) if rows else "It names no models.", *map(plain, told), total])


def _note(model: Mapping[str, Any]) -> str:
    local = model.get("local")
    if local and str(local).replace("\\", "/") != str(model.get("name")).replace("\\", "/"):
        return f"there as {local}"
    licence = f"licence: {model['licence']}" if model.get("licence") else ""
    source = f"from {model.get('source')}" if model.get("fetch") else ""
    return "; ".join(filter(None, (source, licence, str(model.get("reason") or ""))))


def models_of(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    models = plan.get("models")
    return (
        [model for model in models if isinstance(model, dict)] if isinstance(models, list) else []
    )


def object_in(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise BadResponseError(
            f"The server's answer has no {key}.", hint="Install this release of Satchel there."
        )
    return found


def count_of(value: Any) -> int:
    return value if type(value) is int else 0
