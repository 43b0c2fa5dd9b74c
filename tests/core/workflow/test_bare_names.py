"""Models that a prompt or a row names without their extension: graph to lock and back."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from support.graphs import api_graph, api_node, ui_graph, ui_node
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.workflow.author import build_lock
from satchel.workflow.bare_names import BareNames, names_in_text, with_names
from satchel.workflow.collect import named_models
from satchel.workflow.documents import read_json
from satchel.workflow.export import export
from satchel.workflow.place import rename
from satchel.workflow.places import api_places, ui_places
from satchel.workflow.plan import plan_document
from satchel.workflow.rewrite import rewrite

PROMPT = "a cat <lora:ink:0.8>, <lyco:style/wash:1:0.5>, (embedding:easyneg:1.2), embedding:bad.pt"
MANAGER = "Lora Loader (LoraManager)"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (PROMPT, [("loras", "ink"), ("loras", "style/wash"), ("embeddings", "easyneg"),
                  ("embeddings", "bad.pt")]),
        ("<LORA: Ink Wash v1.0 :lbw=MIDD>", [("loras", "Ink Wash v1.0")]),
        ("<lora:a><lora:b:1:1:LBW=X;A=4;>", [("loras", "a"), ("loras", "b")]),
        ("embedding:a, embedding:b|c", [("embeddings", "a"), ("embeddings", "b")]),
        ("embedding:sub\\a", [("embeddings", "sub\\a")]),
        ("my_embedding:a, <lora:>, <lora:a\nb>, lora:a, <hypernet:x:1>, a<b:c>", []),
    ],
)  # fmt: skip
def test_tags_and_embeddings_are_found_in_a_text(text: str, names: list[tuple[str, str]]):
    assert list(names_in_text(text, "PromptNode")) == names


def test_the_cores_own_prompt_knows_embeddings_alone():
    assert [kind for kind, _ in names_in_text(PROMPT, "CLIPTextEncodeSDXL")] == ["embeddings"] * 2


def test_names_are_exchanged_in_one_pass_and_nothing_else_is():
    names = {("loras", "a"): "b", ("loras", "b"): "a", ("embeddings", "a"): "c"}
    before = "<lora:a:1> <lora:b:0.5:0.2> embedding:a, a b <lora:ab:1>"

    assert with_names(before, names) == "<lora:b:1> <lora:a:0.5:0.2> embedding:c, a b <lora:ab:1>"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ink", "ink.safetensors"), ("ink.safetensors", "ink.safetensors"),
        ("style/wash", "style/wash.sft"), ("style\\wash", "style/wash.sft"),
        ("wash", "style/wash.sft"), ("v1.0", "v1.0.safetensors"),
        ("twin", None), ("in", None), ("", None), ("style", None),
    ],
)  # fmt: skip
def test_a_bare_name_means_one_file_or_none(name: str, expected: str | None):
    names = {"ink.safetensors", "style/wash.sft", "v1.0.safetensors", "a/twin.sft", "b/twin.sft"}

    assert BareNames(names).match(name) == expected


@pytest.mark.parametrize(
    "rows",
    [
        [{"name": "ink", "strength": 0.6, "active": True}],
        {"__value__": [{"name": "ink", "strength": "0.60", "active": False}]},
    ],
)
def test_rows_of_lora_manager_name_loras(rows: Any):
    graph = api_graph(api_node(MANAGER, loras=rows, text=""))

    (place,) = api_places(graph)
    assert (place.kind, place.value, place.bare) == ("loras", "ink", True)
    rename([(place, "other")])
    assert "'name': 'other'" in str(graph)
    assert list(api_places(api_graph(api_node("SomethingElse", loras=rows)))) == []


@pytest.mark.parametrize(("mode", "use"), [(0, "active"), (2, "muted"), (4, "bypassed")])
def test_a_node_that_does_not_run_is_marked(mode: int, use: str):
    node = {**ui_node(3, "LoraLoader", ["a.safetensors", 1.0, 1.0]), "mode": mode}

    assert [place.use for place in ui_places(ui_graph(node))] == [use]
    (model,) = named_models(read_json(ui_graph(node), "g"))
    assert model.needed == (mode == 0)


def test_a_model_that_any_running_node_uses_is_needed():
    off = {**ui_node(3, "LoraLoader", ["a.safetensors", 1.0, 1.0]), "mode": 2}
    on = ui_node(4, "LoraLoader", ["a.safetensors", 1.0, 1.0])

    (model,) = named_models(read_json(ui_graph(off, on), "g"))
    assert (model.needed, list(model.used_by)) == (True, ["3", "4"])


@pytest.fixture
def machine(tmp_path: Path):
    workspace = make_workspace(tmp_path / "author")
    for kind, name in (("loras", "style/ink.safetensors"), ("embeddings", "easyneg.safetensors")):
        path = tmp_path / "author" / "models" / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_safetensors(path, seed=len(name))
    return workspace


GRAPHS = {
    "ui": ui_graph(ui_node(1, "LoraTextLoader", ["<lora:ink:0.8> embedding:easyneg, <lora:no:1>"])),
    "api": api_graph(api_node("LoraTextLoader", text="<lora:ink:0.8> embedding:easyneg <lora:no>")),
}


@pytest.mark.parametrize("form", GRAPHS)
def test_a_prompts_models_are_pinned_by_their_files(machine, form: str):
    document = read_json(copy.deepcopy(GRAPHS[form]), "g")

    models = {model.key: model for model in build_lock(document, machine).models}

    assert models.keys() == {("loras", "style/ink.safetensors"), ("loras", "no"),
                             ("embeddings", "easyneg.safetensors")}  # fmt: skip
    assert models["loras", "style/ink.safetensors"].identity.sha256 is not None
    assert models["loras", "no"].reason == "It is not on this machine, so it was not hashed."


@pytest.mark.parametrize("form", GRAPHS)
def test_an_export_drops_folders_and_an_import_puts_local_names_into_the_text(
    machine, tmp_path: Path, form: str
):
    document = read_json(copy.deepcopy(GRAPHS[form]), "g")
    exported = export(document, build_lock(document, machine)).document
    recipient = make_workspace(tmp_path / "recipient")
    there = tmp_path / "recipient" / "models" / "loras" / "mine" / "my ink.safetensors"
    there.parent.mkdir(parents=True)
    there.write_bytes((tmp_path / "author/models/loras/style/ink.safetensors").read_bytes())

    plan = plan_document(exported, recipient)
    rewritten, changes = rewrite(exported, plan)

    states = {entry.model.identity.name: entry.state for entry in plan.models}
    assert states["ink.safetensors"] == "renamed"
    assert [(change.old, change.new) for change in changes] == [("ink", "mine/my ink")]
    assert "<lora:mine/my ink:0.8> embedding:easyneg" in str(rewritten.ui or rewritten.api)


def test_a_name_that_is_here_is_present_without_a_lock(machine):
    document = read_json(api_graph(api_node("LoraTextLoader", text="<lora:ink:1>")), "g")

    (planned,) = plan_document(document, machine).models
    assert (planned.state, planned.local.name) == ("present", "style/ink.safetensors")
