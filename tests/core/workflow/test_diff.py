"""What differs between two locks, and between a lock and a machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from support.graphs import ui_graph, ui_node
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.workflow.diff import diff_documents, diff_machine
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workspace import Workspace

ONE, TWO = "1" * 64, "2" * 64


def model(name: str = "ink.safetensors", sha256: str | None = ONE, **fields: Any) -> dict[str, Any]:
    return {"name": name, "directory": "loras", "sha256": sha256, **fields}


def lock(*models: dict[str, Any], **fields: Any) -> WorkflowDocument:
    return read_json({"version": 1, "models": list(models), **fields}, "x.lock.json")


SOURCE = {"kind": "civitai", "url": "https://civitai.com/api/download/models/1"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (lock(), lock(), []),
        (lock(model()), lock(model()), []),
        (lock(), lock(model()), [("+", "ink.safetensors", "", ONE[:12], "added")]),
        (lock(model()), lock(), [("-", "ink.safetensors", ONE[:12], "", "removed")]),
        (lock(model()), lock(model(sha256=TWO)),
         [("~", "ink.safetensors", ONE[:12], TWO[:12], "other bytes")]),
        (lock(model(sha256=None)), lock(model()),
         [("~", "ink.safetensors", "not pinned", ONE[:12], "other bytes")]),
        (lock(model()), lock(model("new.safetensors")),
         [("~", "new.safetensors", "ink.safetensors", "new.safetensors", "renamed")]),
        (lock(model()), lock({**model("new.safetensors"), "directory": "vae"}),
         [("+", "new.safetensors", "", ONE[:12], "added"),
          ("-", "ink.safetensors", ONE[:12], "", "removed")]),
        (lock(model("a\\b.sft")), lock(model("a/b.sft")), []),
        (lock(model()), lock(model(sources=[SOURCE])),
         [("~", "ink.safetensors", "none", SOURCE["url"], "other sources")]),
        (lock(model()), lock(model(needed=False)),
         [("~", "ink.safetensors", "needed", "optional", "other use")]),
        (lock(host={"comfyui": "0.29"}), lock(host={"comfyui": "0.30"}),
         [("~", "comfyui", "0.29", "0.30", "other version")]),
    ],
)  # fmt: skip
def test_two_locks(old: WorkflowDocument, new: WorkflowDocument, expected: list[Any]):
    found = diff_documents(old, new)

    assert [(d.sign, d.name, d.old, d.new, d.what) for d in found] == expected


def with_pack(**properties: Any) -> WorkflowDocument:
    return read_json(ui_graph(ui_node(1, "X", properties=properties)), "x.json")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (with_pack(cnr_id="a", ver="1"), with_pack(cnr_id="a", ver="1"), []),
        (with_pack(cnr_id="a", ver="1"), with_pack(cnr_id="a", ver="2"), [("~", "a", "1", "2")]),
        (with_pack(cnr_id="a", ver="1"), with_pack(), [("-", "a", "1", "")]),
        (with_pack(), with_pack(cnr_id="a", ver="1"), [("+", "a", "", "1")]),
    ],
)
def test_node_packs_of_two_graphs(old: Any, new: Any, expected: list[Any]):
    found = diff_documents(old, new)

    assert [(d.sign, d.name, d.old, d.new) for d in found if d.subject == "node_pack"] == expected


def pinned(path: Path) -> WorkflowDocument:
    content = path.read_bytes()
    return lock(model(sha256=hashlib.sha256(content).hexdigest(), size=len(content)))


@pytest.mark.parametrize(
    ("here", "expected"),
    [
        ("ink.safetensors", []),
        ("other/ink.safetensors", []),
        ("renamed.safetensors", [("~", "here under another name")]),
        (None, [("-", "not here")]),
    ],
)
def test_a_lock_and_this_machine(
    recipient: Workspace, market: Marketplace, tmp_path: Path, here: str | None, expected: list[Any]
):
    original = write_safetensors(tmp_path / "original.safetensors", seed=1)
    if here:
        write_safetensors(recipient.folders.first_root("loras") / here, seed=1)

    found = diff_machine(pinned(original), recipient)

    assert [(d.sign, d.what) for d in found] == expected
    assert market.requests == []


def test_a_file_that_was_replaced_under_its_name(recipient: Workspace, tmp_path: Path):
    original = write_safetensors(tmp_path / "original.safetensors", seed=1)
    other = write_safetensors(recipient.folders.first_root("loras") / "ink.safetensors", seed=2)

    (found,) = diff_machine(pinned(original), recipient)

    now = hashlib.sha256(other.read_bytes()).hexdigest()[:12]
    assert (found.sign, found.what, found.new) == ("~", "other bytes", now)
