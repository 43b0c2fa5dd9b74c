"""Which saved workflows name a file."""

from __future__ import annotations

import json
import os

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel import used_in
from satchel.errors import CancelledError
from satchel.progress import Cancellation
from satchel.used_in import UsageBook


def graph(class_type, *values):
    node = {"id": 1, "type": class_type, "widgets_values": list(values)}
    return {"nodes": [node], "links": [], "version": 0.4}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "workflows"
    (made / "sub").mkdir(parents=True)

    def put(name, value):
        text = value if isinstance(value, str) else json.dumps(value)
        (made / name).write_text(text, "utf-8")

    put("loader.json", graph("LoraLoader", "style\\ink.safetensors", 1, 1))
    put("sub/stack.json", graph("SatchelLoraStack", True, "style/ink.safetensors", 1, 1, ""))
    put("other.json", graph("LoraLoader", "ink.safetensors", 1, 1))
    put("vae.json", graph("VAELoader", "style/ink.safetensors"))
    put("broken.json", "{")
    put("list.json", [1, 2])
    return made


@pytest.fixture
def ink(tmp_path):
    space = make_workspace(tmp_path)
    write_safetensors(tmp_path / "models/loras/style/ink.safetensors")
    return space.folders.get("loras", "style/ink.safetensors")


def test_workflows_that_name_it_in_its_folder_are_told(folder, ink):
    assert UsageBook().used_in(ink, folder) == ["loader.json", "sub/stack.json"]
    assert UsageBook().used_in(ink, folder / "none") == []


def test_a_workflow_is_read_again_only_when_it_has_changed(folder, ink, monkeypatch):
    read = []
    real = used_in.read_file
    monkeypatch.setattr(used_in, "read_file", lambda path: (read.append(path.name), real(path))[1])
    book = UsageBook()
    book.used_in(ink, folder)
    assert len(read) == 6
    book.used_in(ink, folder)
    assert len(read) == 6

    (folder / "loader.json").write_text(json.dumps(graph("VAELoader", "x.safetensors")))

    assert book.used_in(ink, folder) == ["sub/stack.json"]
    assert read[6:] == ["loader.json"]


def test_links_out_of_the_folder_are_not_followed(folder, ink, tmp_path):
    outside = tmp_path / "outside.json"
    outside.write_text((folder / "loader.json").read_text())
    os.symlink(outside, folder / "link.json")

    assert "link.json" not in UsageBook().used_in(ink, folder)


def test_it_can_be_stopped(folder, ink):
    cancellation = Cancellation()
    cancellation.cancel()

    with pytest.raises(CancelledError):
        UsageBook().used_in(ink, folder, cancellation=cancellation)
