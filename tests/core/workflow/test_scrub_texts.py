"""What leaves a graph before it is exported, and what only looks as if it should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.graphs import api_graph, api_node, subgraph, ui_graph, ui_node

from satchel.workflow.documents import read_json
from satchel.workflow.export import export
from satchel.workflow.lock import Lock
from satchel.workflow.scrub_texts import MAX_TEXT_LENGTH, scrub_text

HEX = "0123456789abcdef0123456789abcdef"
HF = "hf_" + "aBcD1234" * 5
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{HEX}"

SECRETS = [
    (HF, ""),
    (f"curl -H 'Authorization: Bearer {HEX}' x", "curl -H 'Authorization: Bearer [removed]' x"),
    (f"my key is {HF}.", "my key is [removed]."),
    ("r8_" + "Ab12" * 10, ""),
    ("sk-" + "Ab12" * 12, ""),
    ("sk-proj-" + "Ab12_-" * 8, ""),
    ("sk-ant-api03-" + "Ab12" * 12, ""),
    ("ghp_" + "Ab12" * 9, ""),
    ("AKIA" + "AB12" * 4, ""),
    ("AIza" + "Ab12_" * 7, ""),
    (JWT, ""),
    ("comfyui-" + HEX * 2, ""),
    (f"https://civitai.com/api/download/models/1?token={HEX}&fileId=2",
     "https://civitai.com/api/download/models/1?token=[removed]&fileId=2"),
    ("https://me:pass@example.com/x.safetensors", "https://example.com/x.safetensors"),
    ("/home/ada/pictures/in.png", "~/pictures/in.png"),
    ("/Users/ada", "~"),
    ("C:\\Users\\Ada\\pictures\\in.png", "~\\pictures\\in.png"),
    ("c:/Users/Ada/in.png", "~/in.png"),
    ("/root/in.png", "~/in.png"),
    ("see \"/home/ada/x\" and /home/bob/y", 'see "~/x" and ~/y'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "cleaned"), SECRETS)
def test_secrets_and_names_of_home_folders_are_taken_out(text: str, cleaned: str):
    found, what = scrub_text(text)

    assert found == cleaned
    assert what
    assert all(len(sentence) < 60 for sentence in what)


HARMLESS = [
    "a paper lantern over water, masterpiece",
    "ask-me-anything-about-paper-lanterns-2024",
    "task-" + "Ab12" * 12,
    "sk-learn-style-is-a-long-name-of-a-thing",
    "hf_model",
    "hf_lantern_v2.safetensors",
    "r8_8bit",
    "<lora:hf_ink:0.8>",
    HEX,
    HEX * 2,
    "urn:air:sdxl:lora:civitai:118025@136251",
    "https://civitai.com/models/1?modelVersionId=2",
    "https://example.com/home/ada/x",
    "https://example.com/Users/ada/x?keyword=token",
    "models/home/ada/x.safetensors",
    "~/pictures",
    "/home/",
    "at home/away",
    "C:\\Users\\Public\\x.png",
    "/Users/Shared/x.png",
    "/mnt/disk/x.png",
    "/rooted/x",
    "token=3",
    "eyJust a word",
    "me@example.com",
    "bearer of bad news about the lantern festival",
    "%date:yyyy-MM-dd%/image",
    "data:image/png;base64," + "QUJD" * 50,
    "IN04-08=0.5, M00=1, *=0",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay_letter_by_letter(text: str):
    assert scrub_text(text) == (text, [])


def test_pictures_in_a_texts_clothes_are_left_alone():
    text = HF + "x" * MAX_TEXT_LENGTH

    assert scrub_text(text) == (text, [])


NAMED = [
    ("api_key", HEX, True),
    ("civitai_token", HEX, True),
    ("token", HEX, True),
    ("apikey", "Ab12" * 6, True),
    ("password", "open sesame", True),
    ("secret", HEX, True),
    ("max_tokens", HEX, False),
    ("token_normalization", "length+mean", False),
    ("tokenizer", HEX, False),
    ("token", "ohwx man", False),
    ("trigger_token", "a lantern", False),
    ("keyframes", HEX, False),
    ("seed", HEX, False),
]


@pytest.mark.parametrize(("name", "value", "secret"), NAMED)
def test_a_value_may_be_secret_by_its_inputs_name(name: str, value: str, secret: bool):
    api = api_graph(api_node("Fetch", **{name: value}))
    slot = {"name": name, "widget": {"name": name}, "link": None, "type": "STRING"}
    by_list = ui_graph(ui_node(1, "Fetch", [value], inputs=[slot]))
    by_name = ui_graph(ui_node(1, "Fetch", {name: value}))

    for graph in (api, by_list, by_name):
        portable = export(read_json(graph, "x.json"), Lock(()))
        text = json.dumps(portable.document.ui or portable.document.api)
        assert (value not in text) is secret
        assert bool(portable.removed) is secret


def export_of(graph: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    portable = export(read_json(graph, "x.json"), Lock(()))
    return json.dumps(portable.document.ui), portable.removed


def test_a_civitai_node_may_hold_a_key_whose_input_has_no_name():
    text, removed = export_of(ui_graph(ui_node(1, "CivitaiLoraLoader", ["x", HEX])))

    assert HEX not in text
    assert removed == ("An access token in node 1 (CivitaiLoraLoader).",)


def test_nodes_in_subgraphs_notes_titles_and_properties_are_cleaned_too():
    inner = ui_node(1, "Fetch", [{"rows": [{"url": f"x {HF}"}]}])
    note = ui_node(2, "MarkdownNote", [f"use {HF}"], title="/home/ada/todo")
    noted = ui_node(3, "Fetch", [], properties={"path": "/home/ada/x", "n": 1})

    text, removed = export_of(
        ui_graph(note, noted, ui_node(4, "6b1f9a52-6a42-4a3b-8d0e-1f5a0b6f0c11"),
                 subgraphs=[subgraph(inner)])
    )  # fmt: skip

    assert "hf_" not in text
    assert "ada" not in text
    assert set(removed) == {
        "An access token in node 1 (Fetch).",
        "An access token in node 2 (MarkdownNote).",
        "The name of a home folder in node 2 (MarkdownNote).",
        "The name of a home folder in node 3 (Fetch).",
    }


def test_the_authors_own_graph_is_unchanged():
    graph = ui_graph(ui_node(1, "Fetch", [HF]))
    before = json.dumps(graph)

    export_of(graph)

    assert json.dumps(graph) == before


def test_what_a_newer_lock_says_is_cleaned_too():
    more = {"x": {"api_key": HEX, "y": [f"a {HF}"]}}
    source = {"kind": "https", "url": "https://example.com/x", **more}
    page = f"https://civitai.com/models/1?token={HEX}"
    model = {"name": "x", "directory": "vae", "sources": [source], "page": page, **more}
    value = {"version": 1, "models": [model], "node_packs": [{"cnr_id": "x", **more}], **more}

    portable = export(read_json(ui_graph(), "x.json"), Lock.from_json(value))

    written = json.dumps(portable.lock.to_json())
    assert portable.lock.more == {"x": {"api_key": "", "y": ["a [removed]"]}}
    assert HEX not in written
    assert HF not in written
    assert written.count("[removed]") == 4


def test_the_hosts_note_of_files_here_is_no_part_of_an_api_graph():
    node = {**api_node("SatchelLoraStack"), "is_changed": ["/srv/ada/models/x.safetensors", 5]}

    portable = export(read_json(api_graph(node), "x.json"), Lock(()))

    assert portable.document.api == api_graph(api_node("SatchelLoraStack"))
