"""Embedding a lock: what is written where, what is left alone, what must not leave."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.graphs import (
    SUBGRAPH_ID,
    api_graph,
    api_node,
    embedded,
    png_image,
    promoting,
    stack_values,
    subgraph,
    text_chunk,
    ui_graph,
    ui_graph_1_0,
    ui_node,
)
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.identity import ModelIdentity, Source
from satchel.workflow.author import build_lock
from satchel.workflow.containers import png
from satchel.workflow.documents import WorkflowDocument, read_bytes, read_json
from satchel.workflow.export import PortableWorkflow, export
from satchel.workflow.lock import Lock, LockedModel
from satchel.workflow.plan import plan_document
from satchel.workflow.rewrite import rewrite
from satchel.workspace import Workspace

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[3] / "docs/lock.schema.json").read_text(encoding="utf-8")
)
SHAS = ["0123456789abcdef" * 4, "fedcba9876543210" * 4]
URL = "https://civitai.com/api/download/models/5"
KEYS = ["name", "url", "hash", "hash_type", "directory"]


def locked(name: str, sha256: str | None = SHAS[0], **fields: Any) -> LockedModel:
    reason = fields.pop("reason", "")
    sources = (Source("civitai", URL, version_id=5),) if sha256 and not reason else ()
    identity = ModelIdentity(
        **{"kind": "loras", "name": name, "sha256": sha256, "sources": sources, **fields}
    )
    return LockedModel(identity, ("1",), reason)


def exported(graph: dict[str, Any], *models: LockedModel) -> dict[str, Any]:
    """The exported UI graph; every export is held against the lock's schema."""
    portable = export(read_json(graph, "x.json"), Lock(models))
    jsonschema.validate(portable.lock.to_json(), SCHEMA)
    assert portable.document.ui is not None
    read_json(portable.document.ui, "again")
    return portable.document.ui


def lora_node(*names: str, **fields: Any) -> dict[str, Any]:
    return ui_node(1, "SatchelLoraStack", stack_values(*names), **fields)


def entries(node: dict[str, Any]) -> list[dict[str, Any]]:
    return list(node["properties"].get("models", []))


def loras_of(node: dict[str, Any]) -> list[str]:
    return list(node["widgets_values"][1::5])


@pytest.mark.parametrize("written", ["ink.safetensors", "style/ink.safetensors",
                                     "style\\ink.safetensors"])  # fmt: skip
def test_a_loader_gets_exactly_the_five_keys_and_the_name_of_its_widget(written: str):
    graph = exported(ui_graph(lora_node(written)), locked(written.replace("\\", "/")))

    (node,) = graph["nodes"]
    (entry,) = entries(node)
    assert list(entry) == KEYS
    assert entry == {
        "name": "ink.safetensors", "url": URL, "hash": SHAS[0], "hash_type": "SHA256",
        "directory": "loras",
    }  # fmt: skip
    assert loras_of(node) == [entry["name"]]


def test_every_row_of_a_stack_gets_its_entry():
    models = [locked("a.safetensors"), locked("b.safetensors", SHAS[1])]

    graph = exported(ui_graph(lora_node("a.safetensors", "b.safetensors")), *models)

    assert [entry["hash"] for entry in entries(graph["nodes"][0])] == SHAS


def test_the_lock_is_under_extra_beside_what_was_there():
    extra = {"ds": {"scale": 1.5}, "frontendVersion": "1.47.12"}

    graph = exported(ui_graph(lora_node("ink.safetensors"), extra=extra), locked("ink.safetensors"))

    lock = graph["extra"].pop("satchel")
    assert graph["extra"] == extra
    assert lock["models"][0]["sha256"] == SHAS[0]
    jsonschema.validate(lock, SCHEMA)


@pytest.mark.parametrize("extra", [None, [], "x"])
def test_an_extra_that_is_no_table_is_replaced(extra: Any):
    graph = exported(ui_graph(lora_node("ink.safetensors"), extra=extra), locked("ink.safetensors"))

    assert list(graph["extra"]) == ["satchel"]


def test_nodes_inside_subgraph_definitions_are_embedded_too():
    definition = subgraph(lora_node("style/ink.safetensors"))
    instances = [ui_node(10, SUBGRAPH_ID), ui_node(11, SUBGRAPH_ID)]

    graph = exported(ui_graph(*instances, subgraphs=[definition]), locked("style/ink.safetensors"))

    (node,) = graph["definitions"]["subgraphs"][0]["nodes"]
    assert loras_of(node) == ["ink.safetensors"]
    assert [entry["name"] for entry in entries(node)] == ["ink.safetensors"]


def test_a_widget_that_its_subgraph_shows_is_embedded_on_both_nodes():
    inner = ui_node(3, "LoraLoader", ["style/ink.safetensors", 1.0, 1.0])
    definition = promoting(subgraph(inner), (inner, "lora_name"))
    outer = ui_node(10, SUBGRAPH_ID, ["style/ink.safetensors"])

    graph = exported(ui_graph(outer, subgraphs=[definition]), locked("style/ink.safetensors"))

    for node in (graph["nodes"][0], graph["definitions"]["subgraphs"][0]["nodes"][0]):
        assert node["widgets_values"][0] == "ink.safetensors"
        assert [(e["name"], e["directory"]) for e in entries(node)] == [
            ("ink.safetensors", "loras")
        ]


def test_a_graph_of_schema_1_0_is_exported_too():
    graph = exported(ui_graph_1_0(lora_node("ink.safetensors")), locked("ink.safetensors"))

    assert graph["version"] == 1
    assert graph["extra"]["satchel"]["models"][0]["name"] == "ink.safetensors"


def test_foreign_entries_for_other_names_are_kept_and_those_for_the_same_name_replaced():
    foreign = {"name": "other.safetensors", "url": "https://example.com/o", "directory": "vae"}
    stale = {"name": "ink.safetensors", "url": "https://example.com/old", "directory": "loras"}
    node = lora_node("ink.safetensors", properties={"models": [stale, foreign], "cnr_id": "x"})

    graph = exported(ui_graph(node), locked("ink.safetensors"))

    properties = graph["nodes"][0]["properties"]
    assert properties["cnr_id"] == "x"
    assert [(entry["name"], entry["url"]) for entry in properties["models"]] == [
        ("other.safetensors", "https://example.com/o"),
        ("ink.safetensors", URL),
    ]


def test_a_foreign_entry_follows_its_name_when_the_folder_goes():
    node = lora_node("style/ink.safetensors", **embedded("style/ink.safetensors"))

    graph = exported(ui_graph(node), locked("style/ink.safetensors", reason="Nobody knows it."))

    assert [entry["name"] for entry in entries(graph["nodes"][0])] == ["ink.safetensors"]


@pytest.mark.parametrize("properties", [None, [], "x", {"models": None}, {"models": [None, 3]}])
def test_properties_of_odd_shapes_are_survived(properties: Any):
    node = lora_node("ink.safetensors", properties=properties)

    graph = exported(ui_graph(node), locked("ink.safetensors"))

    assert [entry["name"] for entry in entries(graph["nodes"][0])] == ["ink.safetensors"]


def test_unresolved_models_are_listed_and_get_no_entry():
    models = [
        locked("a.safetensors", None, reason="It is not on this machine, so it was not hashed."),
        locked("b.safetensors", reason="No marketplace knows this file by its SHA256."),
    ]
    document = read_json(ui_graph(lora_node("a.safetensors", "b.safetensors")), "x")

    value = export(document, Lock(tuple(models))).to_json()

    assert value["unresolved"] == [
        {"name": m.identity.name, "directory": "loras", "reason": m.reason} for m in models
    ]
    assert entries(value["graph"]["nodes"][0]) == []
    assert len(value["lock"]["models"]) == 2
    jsonschema.validate(value["lock"], SCHEMA)


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # two files with one name keep their folders
        ([("a/x.safetensors", 0), ("b/x.safetensors", 1)], ["a/x.safetensors", "b/x.safetensors"]),
        ([("x.safetensors", 0), ("b/x.safetensors", 1)], ["x.safetensors", "b/x.safetensors"]),
        # also where the names differ only on systems that tell case apart
        ([("a/X.safetensors", 0), ("b/x.safetensors", 1)], ["a/X.safetensors", "b/x.safetensors"]),
        # one file under two names: only one can have the short one
        ([("a/x.safetensors", 0), ("b/x.safetensors", 0)], ["x.safetensors", "b/x.safetensors"]),
        ([("a/x.safetensors", 0), ("x.safetensors", 0)], ["a/x.safetensors", "x.safetensors"]),
        ([("x.safetensors", 0), ("a/x.safetensors", 0)], ["x.safetensors", "a/x.safetensors"]),
        # others lose them
        ([("a/x.safetensors", 0), ("b/y.safetensors", 1)], ["x.safetensors", "y.safetensors"]),
        # nobody knows whether two absent files are the same
        ([("a/x.sft", None), ("b/x.sft", None)], ["a/x.sft", "b/x.sft"]),
    ],
)
def test_names_lose_their_folders_unless_that_would_mix_two_files(
    before: list[tuple[str, int | None]], after: list[str]
):
    models = [
        locked(name, SHAS[index] if index is not None else None, reason="" if index is not None
               else "It is not here.")
        for name, index in before
    ]  # fmt: skip

    graph = exported(ui_graph(lora_node(*(name for name, _ in before))), *models)

    assert loras_of(graph["nodes"][0]) == after
    assert sorted(m["name"] for m in graph["extra"]["satchel"]["models"]) == sorted(after)


def test_one_name_in_two_kinds_is_no_twin():
    nodes = [lora_node("a/x.safetensors"), ui_node(2, "VAELoader", ["b/x.safetensors"])]
    models = [locked("a/x.safetensors"), locked("b/x.safetensors", SHAS[1], kind="vae")]

    graph = exported(ui_graph(*nodes), *models)

    assert graph["nodes"][1]["widgets_values"] == ["x.safetensors"]
    assert loras_of(graph["nodes"][0]) == ["x.safetensors"]


def test_an_api_graph_gets_the_same_names():
    api = api_graph(api_node("LoraLoader", lora_name="style\\ink.safetensors", strength_model=1.0))

    portable = export(read_json(api, "x"), Lock((locked("style/ink.safetensors"),)))

    assert portable.document.ui is None
    assert portable.document.api == api_graph(
        api_node("LoraLoader", lora_name="ink.safetensors", strength_model=1.0)
    )


def test_a_model_that_the_lock_does_not_have_keeps_its_name():
    graph = exported(ui_graph(lora_node("style/ink.safetensors")))

    assert loras_of(graph["nodes"][0]) == ["style/ink.safetensors"]


# --- what stays as it was ----------------------------------------------------------------------


def rich_graph() -> dict[str, Any]:
    custom = ui_node(
        7, "SomebodysNode", {"text": "日本 <b>", "n": 1e-7, "big": 2**60, "a": [None, True]},
        properties={"aux_id": "somebody/nodes", "ver": "abc", "ns": {"deep": [1, {"x": []}]}},
        title="T", color="#223", bgcolor="#335", unknown={"keep": "me"},
    )  # fmt: skip
    return ui_graph(
        lora_node("style/ink.safetensors"), custom, {"type": "MissingNode", "id": "text-id"},
        subgraphs=[subgraph(ui_node(3, "KSampler", [1, "fixed", 20, 8.0]))],
        links=[[1, 1, 0, 7, 0, "MODEL"]], groups=[{"title": "G", "bounding": [0, 0, 1, 1]}],
        floatingLinks=[], futureKey={"a": [1, 2]},
    )  # fmt: skip


def test_the_document_that_was_handed_in_is_not_modified():
    graph, api = rich_graph(), api_graph(api_node("LoraLoader", lora_name="style/ink.safetensors"))
    before = json.dumps([graph, api])
    document = WorkflowDocument("x", ui=graph, api=api)

    export(document, Lock((locked("style/ink.safetensors"),)))

    assert json.dumps([graph, api]) == before
    assert document.lock is None


def test_everything_but_names_and_embedded_models_stays_byte_for_byte():
    original = rich_graph()

    graph = exported(original, locked("style/ink.safetensors"))

    del graph["extra"]["satchel"]
    del graph["nodes"][0]["properties"]["models"]
    graph["nodes"][0]["widgets_values"][1] = "style/ink.safetensors"
    assert json.dumps(graph) == json.dumps(original)


# --- what must not leave -----------------------------------------------------------------------

TOKEN = "c0ffee00c0ffee00c0ffee00c0ffee00"
TOKENISED = [
    f"https://civitai.com/api/download/models/9?token={TOKEN}",
    f"https://civitai.com/api/download/models/9?fileId=4&TOKEN={TOKEN}",
    f"https://user:{TOKEN}@example.com/a.safetensors",
    f"https://{TOKEN}@example.com/a.safetensors",
    f"https://bucket.r2.cloudflarestorage.com/a?X-Amz-Signature={TOKEN}&X-Amz-Credential={TOKEN}",
    f"https://example.blob.core.windows.net/a?sv=2024&sig={TOKEN}",
    f"https://cdn.example.com/a?Policy={TOKEN}&Key-Pair-Id={TOKEN}",
    f"https://example.com/a#access_token={TOKEN}",
    f"https://example.com/a?api_key={TOKEN}",
    f"https://example.com/a?secret={TOKEN}",
    f"https://[{TOKEN}/a",
]


@pytest.mark.parametrize("url", TOKENISED)
def test_tokens_in_embedded_urls_are_taken_out_wherever_they_are(url: str):
    entry = {"name": "other.safetensors", "url": url, "directory": "loras"}
    definition = subgraph(ui_node(3, "KSampler", [1], properties={"models": [dict(entry)]}))
    unused = subgraph(
        ui_node(4, "KSampler", properties={"models": [dict(entry)]}), definition_id="unused"
    )
    graph = ui_graph(
        lora_node("ink.safetensors", properties={"models": [dict(entry)]}),
        ui_node(2, "MissingNodeWithoutValues", properties={"models": [dict(entry)]}),
        ui_node(3, SUBGRAPH_ID),
        subgraphs=[definition, unused],
        models=[dict(entry)],
    )

    portable = export(read_json(graph, "x"), Lock((locked("ink.safetensors"),)))

    text = json.dumps(portable.to_json())
    assert TOKEN not in text
    assert portable.removed == ("The access token in the URL of other.safetensors.",)
    kept = portable.to_json()["graph"]["nodes"][1]["properties"]["models"][0]
    assert kept["name"] == "other.safetensors"


@pytest.mark.parametrize(
    "url",
    ["https://huggingface.co/o/r/resolve/main/a.safetensors",
     "https://civitai.com/api/download/models/9?type=Model&format=SafeTensor&fileId=3",
     "https://example.com/a?b=%20c&empty=#part"],
)  # fmt: skip
def test_urls_without_secrets_stay_byte_for_byte(url: str):
    node = lora_node("ink.safetensors", **embedded("other.safetensors", url))

    portable = export(read_json(ui_graph(node), "x"), Lock(()))

    assert portable.to_json()["graph"]["nodes"][0]["properties"]["models"][0]["url"] == url
    assert portable.removed == ()


@pytest.mark.parametrize("name", ["/home/ann/models/ink.safetensors", "C:\\Users\\ann\\ink.sft",
                                  "~/models/ink.safetensors"])  # fmt: skip
def test_whole_paths_lose_their_folders_and_the_author_is_told(name: str, author: Workspace):
    graph = ui_graph(lora_node(name), ui_node(2, "LoadFromPath", [name]))
    api = api_graph(api_node("LoadFromPath", path=name))
    document = WorkflowDocument("x", ui=graph, api=api)

    portable = export(document, build_lock(document, author))

    text = json.dumps(portable.to_json())
    assert "ann" not in text
    assert "~" not in text
    base = name.replace("\\", "/").rpartition("/")[2]
    assert portable.removed == (f"The folders in front of {base}: they only exist here.",)
    assert portable.to_json()["graph"]["nodes"][1]["widgets_values"] == [base]


# --- the whole journey of an author ------------------------------------------------------------


@pytest.fixture
def journey(
    author: Workspace, market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> WorkflowDocument:
    """An image with both graphs; its models are here, and one of the three is published."""
    monkeypatch.setenv("CIVITAI_API_TOKEN", TOKEN)
    roots = {kind: author.folders.first_root(kind) for kind in ("loras", "vae")}
    ink = write_safetensors(roots["loras"] / "style/ink.safetensors", seed=1)
    write_safetensors(roots["vae"] / "private.safetensors", seed=2)
    market.publish(ink, model_name="Ink")
    ui = ui_graph(
        lora_node("style/ink.safetensors", "absent.safetensors",
                  **embedded("x.safetensors", TOKENISED[0])),
        ui_node(2, "VAELoader", ["private.safetensors"]),
    )  # fmt: skip
    api = api_graph(
        api_node("SatchelLoraStack", lora_1="style/ink.safetensors", lora_2="absent.safetensors"),
        api_node("VAELoader", vae_name="private.safetensors"),
    )
    image = png_image(text_chunk("parameters", "a cat"), texts={"prompt": api, "workflow": ui})
    return read_bytes(image, "cat.png")


def exported_by(workspace: Workspace, document: WorkflowDocument) -> PortableWorkflow:
    return export(document, build_lock(document, workspace, {"comfyui": "0.30.0"}))


def test_an_image_carries_prompt_workflow_and_lock(author: Workspace, journey: WorkflowDocument):
    portable = exported_by(author, journey)

    image = portable.document.image
    assert image is not None
    texts = {key: json.loads(text) for key, text in png.read_texts(image).items()
             if key != "parameters"}  # fmt: skip
    assert texts == {
        "prompt": portable.document.api,
        "workflow": portable.document.ui,
        "satchel": portable.lock.to_json(),
    }
    assert png.read_texts(image)["parameters"] == "a cat"
    assert journey.image is not None
    assert png.pixel_data(image) == png.pixel_data(journey.image)
    again = read_bytes(image, "cat.png")
    assert again.lock is not None
    assert again.lock.to_json() == portable.lock.to_json()


def test_nothing_of_this_machine_is_in_what_leaves_it(
    author: Workspace, journey: WorkflowDocument, tmp_path: Path
):
    portable = exported_by(author, journey)

    image = portable.document.image
    assert image is not None
    for text in (json.dumps(portable.to_json()), image.decode("latin-1")):
        assert TOKEN not in text
        assert str(tmp_path) not in text
        assert "127.0.0.1" not in text
        assert "style" not in text


def test_exporting_twice_gives_the_same_bytes(author: Workspace, journey: WorkflowDocument):
    once = exported_by(author, journey)

    unchanged = exported_by(author, journey)
    again = exported_by(author, read_bytes(once.document.image or b"", "cat.png"))

    assert unchanged.document.image == once.document.image
    assert again.document.image == once.document.image
    assert again.removed == ()


def test_a_recipient_who_exports_again_loses_nothing(
    author: Workspace, recipient: Workspace, journey: WorkflowDocument
):
    first = exported_by(author, journey)

    second = export(first.document, build_lock(first.document, recipient))

    assert second.lock.to_json() == first.lock.to_json()


def test_a_deep_copy_is_not_shared_between_two_exports(journey: WorkflowDocument):
    first = export(journey, Lock(()))
    snapshot = copy.deepcopy(first.document.ui)

    export(first.document, Lock((locked("absent.safetensors"),)))

    assert first.document.ui == snapshot


NEWER = {"version": 3, "models": [{"name": ["of", "another", "shape"], "sources": 7}]}


def test_a_newer_lock_opens_is_planned_rewritten_and_exported_untouched(
    author: Workspace, recipient: Workspace
):
    file = write_safetensors(author.folders.roots["loras"][0] / "ink.safetensors", seed=1)
    write_safetensors(recipient.folders.roots["loras"][0] / "mine.safetensors", seed=1)
    graph = ui_graph(lora_node("ink.safetensors"), extra={"ds": 1, "satchel": NEWER})
    document = read_json(graph, "x.json")

    plan = plan_document(document, recipient)
    rewritten, _ = rewrite(document, plan)
    portable = export(document, build_lock(document, author))

    assert [(m.model.identity.name, m.state) for m in plan.models] == [
        ("ink.safetensors", "missing"),
    ]  # fmt: skip
    assert "version 3" in plan.notes[0]
    assert rewritten.ui is not None
    assert rewritten.ui["extra"] == {"ds": 1, "satchel": NEWER}
    assert "version 3" in portable.notes[0]
    assert portable.document.ui is not None
    extra = portable.document.ui["extra"]
    assert (extra["ds"], extra["satchel_newer"]) == (1, NEWER)
    assert Lock.from_json(extra["satchel"]).models[0].identity.size == file.stat().st_size
    again = read_json(portable.document.ui, "again.json")
    kept = export(again, build_lock(again, author)).document.ui
    assert kept is not None
    assert kept["extra"]["satchel_newer"] == NEWER


def test_a_newer_lock_of_an_image_stays_in_the_image(author: Workspace):
    image = png_image(texts={"prompt": api_graph(api_node("X")), "satchel": NEWER})

    made = exported_by(author, read_bytes(image, "x.png")).document.image

    assert made is not None
    texts = png.read_texts(made)
    assert json.loads(texts["satchel_newer"]) == NEWER
    assert json.loads(texts["satchel"])["version"] == 1
