"""Embedding a lock: tokens and folders, which must not leave."""

from __future__ import annotations

import json

import pytest
from support.exports import TOKEN, TOKENISED, locked, lora_node
from support.graphs import SUBGRAPH_ID, api_graph, api_node, embedded, subgraph, ui_graph, ui_node

from satchel.workflow.author import build_lock
from satchel.workflow.documents import WorkflowDocument, read_json
from satchel.workflow.export import export
from satchel.workflow.lock import Lock
from satchel.workspace import Workspace


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
