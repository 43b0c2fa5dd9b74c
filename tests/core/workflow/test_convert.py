"""Converting nodes in graphs: which are converted, their places and looks, and subgraphs."""

from __future__ import annotations

from typing import Any

import pytest
from support.conversions import (
    LM_LOADER,
    LM_VALUES,
    POWER,
    POWER_VALUES,
    STACK,
    STACKER,
    WORDS,
    Json,
    by_id,
    node,
    run,
    sources,
    wired,
)
from support.graphs import (
    INNER_SUBGRAPH_ID,
    SUBGRAPH_ID,
    api_node,
    subgraph,
    ui_graph,
    ui_graph_1_0,
    ui_node,
)

from satchel.workflow.convert import convert, convertible_types
from satchel.workflow.convert.registry import PACKS, REFUSED
from satchel.workflow.documents import WorkflowDocument, read_json


def test_a_node_keeps_its_links_its_place_and_its_looks() -> None:
    loader = node(1, "CheckpointLoaderSimple", "", "MODEL CLIP VAE")
    power = node(2, POWER, "model clip", "MODEL CLIP", POWER_VALUES)
    power |= {"title": "Mine", "color": "#323", "bgcolor": "#535", "mode": 4, "shape": 1,
              "pos": {"0": 7, "1": 8}, "flags": {"collapsed": True}}  # fmt: skip
    power["properties"] |= {"cnr_id": "rgthree-comfy", "ver": "1", "ue_properties": {"x": 1},
                            "Show Strengths": "Single Strength"}  # fmt: skip
    text = node(3, "CLIPTextEncode", "clip", "CONDITIONING")
    sampler = node(4, "KSampler", "model", "LATENT")
    graph = wired(loader, power, text, sampler,
                  links=[(1, 0, 2, 0), (1, 1, 2, 1), (2, 1, 3, 0), (2, 0, 4, 0)])  # fmt: skip

    changed, conversion = run(graph)

    stack = by_id(changed, 2)
    assert stack["type"] == STACK
    assert stack["widgets_values"] == [True, "a.safetensors", 0.5, 0.5, ""]
    kept = ("title", "color", "bgcolor", "mode", "pos", "size", "flags", "shape", "order")
    assert {name: stack[name] for name in kept} == {name: power[name] for name in kept}
    assert stack["properties"] == {"Node name for S&R": STACK, "ue_properties": {"x": 1}}
    assert [slot["name"] for slot in stack["inputs"]] == [
        "model", "clip", "lora_stack", "on_1", "lora_1", "strength_model_1", "strength_clip_1",
        "blocks_1",
    ]  # fmt: skip
    assert sources(changed, 2) == {"model": (1, 0), "clip": (1, 1)}
    assert sources(changed, 3) == {"clip": (2, 1)}
    assert sources(changed, 4) == {"model": (2, 0)}
    (entry,) = conversion.to_json()["converted"]
    assert entry == {"node": "2", "from": POWER, "to": STACK, "rows": 1, "added": [], "notes": []}


def test_a_title_that_was_the_old_nodes_name_goes() -> None:
    power = node(2, POWER, "", "MODEL CLIP", POWER_VALUES) | {"title": POWER}

    changed, _ = run(wired(power, links=[]))

    assert "title" not in by_id(changed, 2)


def test_a_graph_of_schema_1_0_is_converted_too() -> None:
    power = node(1, POWER, "", "MODEL CLIP", POWER_VALUES)
    power["outputs"][0]["links"] = [1]
    sampler = node(2, "KSampler", "model", "LATENT")
    sampler["inputs"][0]["link"] = 1
    graph = ui_graph_1_0(power, sampler)

    changed, _ = run(graph)

    assert by_id(changed, 1)["type"] == STACK
    assert changed["links"] == graph["links"]


def test_nodes_inside_subgraphs_are_converted_in_their_definitions() -> None:
    inner = node(5, LM_LOADER, "model clip", "MODEL CLIP trigger_words loaded_loras", LM_VALUES)
    inner["inputs"][0]["link"] = 1
    inner["outputs"][0]["links"], inner["outputs"][2]["links"] = [2], [3]
    deep = node(7, POWER, "model clip", "MODEL CLIP", POWER_VALUES)
    links = [(1, -10, 0, 5, 0), (2, 5, 0, -20, 0), (3, 5, 2, -20, 1)]
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    definition = subgraph(inner, inner=[subgraph(deep, definition_id=INNER_SUBGRAPH_ID)]) | {
        "links": [dict(zip(names, link, strict=True)) | {"type": "X"} for link in links],
        "inputs": [{"name": "model", "type": "MODEL", "linkIds": [1]}],
        "outputs": [{"name": "MODEL", "type": "MODEL", "linkIds": [2]},
                    {"name": "words", "type": "STRING", "linkIds": [3]}],
        "state": {"lastNodeId": 7, "lastLinkId": 3},
    }  # fmt: skip
    outer = ui_node(9, SUBGRAPH_ID, properties={"proxyWidgets": [["5", "loras"], ["6", "seed"]]})
    graph = ui_graph(outer, subgraphs=[definition], last_node_id=9, last_link_id=3)

    changed, conversion = run(graph)

    made = changed["definitions"]["subgraphs"][0]
    assert [found["type"] for found in made["nodes"]] == [STACK, WORDS]
    assert [found["id"] for found in made["nodes"]] == [5, 10]  # counted across all subgraphs
    assert made["state"] == {"lastNodeId": 10, "lastLinkId": 4}
    assert changed["last_node_id"] == 10
    ends = {link["id"]: (link["origin_id"], link["target_id"]) for link in made["links"]}
    assert ends == {1: (-10, 5), 2: (5, -20), 3: (10, -20), 4: (5, 10)}
    assert made["definitions"]["subgraphs"][0]["nodes"][0]["type"] == STACK
    assert changed["nodes"][0]["properties"]["proxyWidgets"] == [["6", "seed"]]
    assert [entry.node for entry in conversion.converted] == [
        f"{SUBGRAPH_ID}:5", f"{INNER_SUBGRAPH_ID}:7"
    ]  # fmt: skip
    assert "The subgraph showed its widget loras" in " ".join(conversion.converted[0].notes)


def make_lbw(vector: str = ",".join(["1"] * 17)) -> list[Any]:
    return ["All", "a.safetensors", False, 0, "fixed", 4, 1, "Preset", vector, False]


def test_apply_lbw_takes_over_its_make_lbw_which_goes_when_nobody_else_uses_it() -> None:
    checkpoint = node(1, "CheckpointLoaderSimple", "", "MODEL CLIP")
    make = node(2, "MakeLBW //Inspire", "model clip", "lbw_model populated_vector", make_lbw())
    apply = node(3, "ApplyLBW //Inspire", "model clip lbw_model", "MODEL CLIP", [0.8, 0.4])
    links = [(1, 0, 2, 0), (1, 1, 2, 1), (1, 0, 3, 0), (2, 0, 3, 2)]

    changed, conversion = run(wired(checkpoint, make, apply, links=links))

    vector = "inspire:" + ",".join(["1"] * 17)
    assert [made["id"] for made in changed["nodes"]] == [1, 3]
    assert by_id(changed, 3)["widgets_values"] == [True, "a.safetensors", 0.8, 0.4, vector]
    assert sources(changed, 3) == {"model": (1, 0)}
    assert (conversion.kept, len(conversion.converted)) == ((), 1)

    text = node(4, "PreviewAny", "source", "")
    changed, conversion = run(wired(checkpoint, make, apply, text, links=[*links, (2, 1, 4, 0)]))

    assert [made["id"] for made in changed["nodes"]] == [1, 2, 3, 4]
    assert [kept.node for kept in conversion.kept] == ["2"]


def test_apply_lbw_of_a_file_stays() -> None:
    load = node(1, "LoadLBW //Inspire", "", "lbw_model", ["x.lbw.safetensors"])
    apply = node(2, "ApplyLBW //Inspire", "model clip lbw_model", "MODEL CLIP", [1, 1])
    graph = wired(load, apply, links=[(1, 0, 2, 2)])

    changed, conversion = run(graph)

    assert changed == graph
    assert [kept.node for kept in conversion.kept] == ["1", "2"]


def test_only_the_nodes_or_types_that_were_asked_for_are_converted() -> None:
    graph = wired(
        node(1, POWER, "", "MODEL CLIP", POWER_VALUES),
        node(2, POWER, "", "MODEL CLIP", POWER_VALUES),
        node(3, STACKER, "", "LORA_STACK", ["simple", 0]),
        links=[],
    )

    assert [e.node for e in run(graph, nodes=["2"])[1].converted] == ["2"]
    assert [e.node for e in run(graph, types=[STACKER])[1].converted] == ["3"]
    assert [e.node for e in run(graph)[1].converted] == ["1", "2", "3"]
    assert run(graph, types=["Nothing"])[0] == graph


def test_a_document_with_both_forms_reports_each_node_once() -> None:
    graph = wired(node(1, POWER, "", "MODEL CLIP", POWER_VALUES), links=[])
    row = {"on": True, "lora": "a.safetensors", "strength": 0.5}
    document = WorkflowDocument("x", ui=graph, api={"1": api_node(POWER, lora_1=row)}, image=b"x")

    conversion = convert(document)

    assert [entry.node for entry in conversion.converted] == ["1"]
    assert conversion.document.image is None  # it still carries the graph as it was
    assert conversion.document.ui is not None
    assert conversion.document.api is not None
    assert conversion.document.ui["nodes"][0]["type"] == STACK
    assert conversion.document.api["1"]["class_type"] == STACK


@pytest.mark.parametrize(
    "strange",
    [
        {"type": POWER},
        {
            "id": 1,
            "type": POWER,
            "widgets_values": 7,
            "inputs": 5,
            "outputs": "x",
            "properties": [],
        },
        {"id": 1, "type": POWER, "widgets_values": [[], 3, None, {"lora": []}]},
        {"id": [1], "type": POWER, "pos": "here", "inputs": [None, 3, {}]},
        {"id": 1, "type": ["x"]},
    ],
)
@pytest.mark.parametrize(
    "links", [None, [], [[1, 1]], [None, 7, {"id": {}}], [[1, 1, "a", 1, "b"]]]
)
def test_graphs_that_nobody_saved_are_survived(strange: Json, links: Any) -> None:
    graph = {"nodes": [strange], "links": links, "version": 0.4}

    convert(read_json(graph, "x"))


def test_each_type_belongs_to_one_pack() -> None:
    readers = [class_type for pack in PACKS for class_type in pack.readers]

    assert convertible_types() == readers
    assert len(set(readers)) == len(readers)
    assert not set(readers) & set(REFUSED)
