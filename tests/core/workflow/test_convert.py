"""Converting nodes in graphs: links, places, subgraphs, and what is not carried over."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from support.graphs import (
    INNER_SUBGRAPH_ID,
    SUBGRAPH_ID,
    api_node,
    subgraph,
    ui_graph,
    ui_graph_1_0,
    ui_node,
)

from satchel.workflow.convert import Conversion, convert, convertible_types
from satchel.workflow.convert.registry import PACKS, REFUSED
from satchel.workflow.documents import WorkflowDocument, read_json

Json = dict[str, Any]

POWER = "Power Lora Loader (rgthree)"
STACKER = "LoRA Stacker"
LM_LOADER = "Lora Loader (LoraManager)"
LM_STACKER = "Lora Stacker (LoraManager)"
LM_TEXT = "LoRA Text Loader (LoraManager)"
STACK = "SatchelLoraStack"
WORDS = "SatchelTriggerWords"
POWER_VALUES = [{}, {"type": "PowerLoraLoaderHeaderWidget"},
                {"on": True, "lora": "a.safetensors", "strength": 0.5, "strengthTwo": None},
                {}, ""]  # fmt: skip
LM_VALUES = ["<lora:a:1>", [{"name": "a.safetensors", "strength": 1, "active": True}]]
NAMES = ["a.safetensors"]
TOGGLE_VALUES = [
    True,
    [{"text": "stale", "active": True}],  # as that pack's own example has it
    False,
    [{"text": "best quality, absurdres", "active": [True], "strength": None},
     {"text": "off", "active": False}, {"text": "ink", "active": True, "strength": 1.5}],
    "best quality, absurdres,, off,, ink",
]  # fmt: skip


def node(node_id: int, class_type: str, inputs: str, outputs: str, values: Any = None) -> Json:
    """A node with sockets named in a line each; `name*` is the socket of a widget."""
    made = ui_node(node_id, class_type, values)
    for name in inputs.split():
        slot: Json = {"name": name.rstrip("*"), "type": name.upper(), "link": None}
        if name.endswith("*"):
            slot["widget"] = {"name": name.rstrip("*")}
        made["inputs"].append(slot)
    made["outputs"] = [
        {"name": name, "type": name.upper(), "links": []} for name in outputs.split()
    ]
    return made


def wired(*nodes: Json, links: list[tuple[int, int, int, int]], **fields: Any) -> Json:
    """A graph of schema 0.4 with links (from node, output, to node, input), all ends kept."""
    graph = ui_graph(*copy.deepcopy(nodes), **fields)
    by_id = {made["id"]: made for made in graph["nodes"]}
    for link_id, (origin, out, target, into) in enumerate(links, 1):
        graph["links"].append([link_id, origin, out, target, into, "X"])
        by_id[origin]["outputs"][out]["links"].append(link_id)
        by_id[target]["inputs"][into]["link"] = link_id
    graph["last_link_id"] = len(links)
    graph["last_node_id"] = max(by_id)
    return graph


def run(graph: Json, **options: Any) -> tuple[Json, Conversion]:
    """Converts a UI graph; checks that the result is whole and the graph handed in untouched."""
    before = copy.deepcopy(graph)
    conversion = convert(read_json(graph, "x"), names=NAMES, **options)
    assert graph == before
    changed = conversion.document.ui
    assert changed is not None
    assert_whole(changed)
    return changed, conversion


def assert_whole(graph: Json) -> None:
    """Every link is known at both its ends, and every end names a link that is there."""
    for part in [graph, *graph.get("definitions", {}).get("subgraphs", [])]:
        nodes = {str(made["id"]): made for made in part["nodes"]}
        assert len(nodes) == len(part["nodes"])
        links = {}
        for link in part.get("links", []):
            link_id, origin, out, target, into = (
                link[:5] if isinstance(link, list) else
                [link[k] for k in ("id", "origin_id", "origin_slot", "target_id", "target_slot")]
            )  # fmt: skip
            links[link_id] = link
            if str(origin) != "-10":
                assert link_id in nodes[str(origin)]["outputs"][out]["links"]
            if str(target) != "-20":
                assert nodes[str(target)]["inputs"][into]["link"] == link_id
        assert len(links) == len(part.get("links", []))
        for made in nodes.values():
            ends = [slot["link"] for slot in made["inputs"] if slot.get("link") is not None]
            ends += [link for slot in made["outputs"] for link in slot.get("links") or []]
            assert set(ends) <= set(links)


def by_id(graph: Json, node_id: int) -> Json:
    (found,) = [made for made in graph["nodes"] if made["id"] == node_id]
    return found


def sources(graph: Json, node_id: int) -> dict[str, tuple[Any, int]]:
    """Input name -> (node, output) that it comes from."""
    links = {link[0]: link for link in graph["links"]}
    return {
        slot["name"]: (links[slot["link"]][1], links[slot["link"]][2])
        for slot in by_id(graph, node_id)["inputs"]
        if slot["link"] is not None
    }


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


def test_a_chain_of_stacks_stays_a_chain_and_a_changed_order_is_reported() -> None:
    values = ["simple", 1, "a.safetensors", 0.5, 1, 1]
    first = node(1, STACKER, "lora_stack", "LORA_STACK", values)
    second = node(2, STACKER, "lora_stack", "LORA_STACK", values)
    apply = node(3, "CR Apply LoRA Stack", "model clip lora_stack", "MODEL CLIP show_help")
    graph = wired(first, second, apply, links=[(1, 0, 2, 0), (2, 0, 3, 2)])

    changed, conversion = run(graph)

    assert {made["type"] for made in changed["nodes"]} == {STACK}
    assert sources(changed, 2) == {"lora_stack": (1, 2)}
    assert sources(changed, 3) == {"lora_stack": (2, 2)}
    said = [" ".join(entry.notes) for entry in conversion.converted]
    assert said[0] == ""
    assert "come before those of this node now" in said[1]


def test_trigger_words_that_were_wired_come_from_a_node_of_their_own() -> None:
    loader = node(1, LM_LOADER, "model clip lora_stack", "MODEL CLIP trigger_words loaded_loras",
                  LM_VALUES)  # fmt: skip
    one, two = node(2, "CLIPTextEncode", "text*", ""), node(5, "PreviewAny", "source", "")
    graph = wired(loader, one, two, links=[(1, 2, 2, 0), (1, 2, 5, 0)])

    changed, conversion = run(graph)

    words = by_id(changed, 6)
    assert words["type"] == WORDS
    assert words["widgets_values"] == ["None", "", ""]
    assert sources(changed, 6) == {"lora_stack": (1, 2)}
    assert sources(changed, 2) == {"text": (6, 0)}
    assert sources(changed, 5) == {"source": (6, 0)}
    assert changed["last_node_id"] == 6
    assert changed["last_link_id"] == 3
    (entry,) = conversion.converted
    assert entry.added == (WORDS,)
    assert "trigger words come from the files' own headers" in entry.notes[0]


@pytest.mark.parametrize("toggle_first", [True, False])
def test_a_word_toggle_keeps_its_active_words_and_needs_no_words_of_its_loader(
    toggle_first: bool,
) -> None:
    loader = node(1, LM_LOADER, "model clip", "MODEL CLIP trigger_words loaded_loras", LM_VALUES)
    toggle = node(2, "TriggerWord Toggle (LoraManager)", "trigger_words", "filtered_trigger_words",
                  TOGGLE_VALUES)  # fmt: skip
    text = node(3, "CLIPTextEncode", "text*", "")
    both = [toggle, loader] if toggle_first else [loader, toggle]
    graph = wired(*both, text, links=[(1, 2, 2, 0), (2, 0, 3, 0)])

    changed, conversion = run(graph)

    assert by_id(changed, 2)["type"] == WORDS
    assert by_id(changed, 2)["widgets_values"] == ["None", "best quality, absurdres, ink", ""]
    assert sources(changed, 2) == {}
    assert sources(changed, 3) == {"text": (2, 0)}
    assert len(changed["nodes"]) == 3
    said = {entry.node: entry for entry in conversion.converted}
    assert (said["1"].added, said["1"].notes) == ((), ())
    assert "they no longer follow the LoRAs" in said["2"].notes[0]

    api_changed, _ = api(
        {
            "1": api_node(LM_LOADER, loras=LM_VALUES[1]),
            "2": api_node(
                "TriggerWord Toggle (LoraManager)", group_mode=True, default_active=True,
                allow_strength_adjustment=True, trigger_words=["1", 2],
                toggle_trigger_words={"__value__": [
                    {"text": "ink", "active": True, "strength": 1.2},
                    {"text": "(wash:1.10)", "active": True, "strength": 0.5},
                    {"text": "oil", "active": True, "strength": None}]},
            ),
            "3": api_node("CLIPTextEncode", text=["2", 0]),
        }
    )  # fmt: skip
    assert list(api_changed) == ["1", "2", "3"]
    assert api_changed["2"]["inputs"]["extra"] == "(ink:1.20), (wash:0.50), oil"


def test_an_output_without_a_counterpart_is_disconnected_and_reported() -> None:
    loader = node(1, LM_STACKER, "lora_stack", "LORA_STACK trigger_words active_loras", LM_VALUES)
    text = node(2, "PreviewAny", "source", "")
    graph = wired(loader, text, links=[(1, 2, 2, 0)])
    graph["extra"] |= {"linkExtensions": [{"id": 1, "parentId": 1}],
                       "reroutes": [{"id": 1, "linkIds": [1]}]}  # fmt: skip

    changed, conversion = run(graph)

    assert changed["links"] == []
    assert changed["extra"]["linkExtensions"] == []
    assert changed["extra"]["reroutes"][0]["linkIds"] == []
    assert len(changed["nodes"]) == 2
    assert "Its output active_loras was connected" in conversion.converted[0].notes[0]


def test_a_text_loader_reads_the_same_text_in_the_same_order_of_strengths() -> None:
    text = node(1, "PrimitiveString", "", "STRING")
    loader = node(2, LM_TEXT, "model lora_syntax clip lora_stack",
                  "MODEL CLIP trigger_words loaded_loras", [])  # fmt: skip
    sampler = node(3, "KSampler", "model", "")
    graph = wired(text, loader, sampler, links=[(1, 0, 2, 1), (2, 0, 3, 0)])

    changed, _ = run(graph)

    made = by_id(changed, 2)
    assert made["type"] == "SatchelLoraStackFromPrompt"
    assert made["widgets_values"] == ["", "comfy"]
    assert sources(changed, 2) == {"prompt": (1, 0)}
    assert sources(changed, 3) == {"model": (2, 0)}


def test_linked_widgets_become_linked_row_inputs() -> None:
    values = ["simple", 2, "a.safetensors", 0.5, 1, 1, "None", 1, 1, 1]
    name, number = node(1, "Names", "", "STRING"), node(2, "PrimitiveFloat", "", "FLOAT")
    stacker = node(3, STACKER, "lora_stack lora_wt_1* lora_name_2*", "LORA_STACK", values)
    graph = wired(name, number, stacker, links=[(2, 0, 3, 1), (1, 0, 3, 2)])

    changed, conversion = run(graph)

    assert sources(changed, 3) == {
        "strength_model_1": (2, 0), "strength_clip_1": (2, 0), "lora_2": (1, 0)
    }  # fmt: skip
    assert by_id(changed, 3)["widgets_values"] == [
        True, "a.safetensors", 0.5, 0.5, "", True, "None", 1.0, 1.0, ""
    ]  # fmt: skip
    assert len(by_id(changed, 2)["outputs"][0]["links"]) == 2
    assert conversion.converted[0].notes == ()


def test_an_input_that_decides_about_rows_must_not_be_linked() -> None:
    count = node(1, "PrimitiveInt", "", "INT")
    stacker = node(2, STACKER, "lora_stack lora_count*", "LORA_STACK", ["simple", 1, "a", 1, 1, 1])
    graph = wired(count, stacker, links=[(1, 0, 2, 1)])

    changed, conversion = run(graph)

    assert changed == graph
    assert "lora_count comes from another node" in conversion.kept[0].reason


def test_a_link_into_an_input_without_a_counterpart_goes_and_is_reported() -> None:
    seed = node(1, "PrimitiveInt", "", "INT")
    power = node(2, POWER, "model clip extra", "MODEL CLIP", POWER_VALUES)
    graph = wired(seed, power, links=[(1, 0, 2, 2)])

    changed, conversion = run(graph)

    assert changed["links"] == []
    assert "Its input extra was connected" in conversion.converted[0].notes[0]


def test_a_switched_off_easy_stack_keeps_back_the_stack_before_it() -> None:
    before = node(1, "Other", "", "LORA_STACK")
    easy = node(2, "easy loraStack", "optional_lora_stack", "lora_stack",
                [False, "simple", 1, "a.safetensors", 1, 1, 1])  # fmt: skip

    off, conversion = run(wired(before, easy, links=[(1, 0, 2, 0)]))

    assert sources(off, 2) == {}
    assert "that input is disconnected" in conversion.converted[0].notes[0]
    easy["widgets_values"][0] = True
    on, _ = run(wired(before, easy, links=[(1, 0, 2, 0)]))
    assert sources(on, 2) == {"lora_stack": (1, 0)}


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


def api(graph: Json) -> tuple[Json, Conversion]:
    before = copy.deepcopy(graph)
    conversion = convert(read_json(graph, "x"), names=NAMES)
    assert graph == before
    assert conversion.document.api is not None
    return conversion.document.api, conversion


def test_an_api_graph_keeps_its_links_across_outputs_that_moved() -> None:
    lm_inputs = {"text": "", "loras": {"__value__": LM_VALUES[1]}}
    changed, conversion = api(
        {
            "4": api_node("CheckpointLoaderSimple", ckpt_name="x.safetensors"),
            "5:2": api_node(LM_STACKER, **lm_inputs),
            "6": api_node(LM_LOADER, model=["4", 0], clip=["4", 1], lora_stack=["5:2", 0],
                          **lm_inputs),
            "7": api_node("CLIPTextEncode", clip=["6", 1], text=["6", 2]),
            "8": api_node("PreviewAny", source=["6", 3]),
            "9": api_node("PreviewAny", source=["5:2", 1]),
        }
    )  # fmt: skip

    row = {"on_1": True, "lora_1": "a.safetensors", "strength_model_1": 1.0,
           "strength_clip_1": 1.0, "blocks_1": ""}  # fmt: skip
    assert changed["5:2"]["inputs"] == row
    assert changed["6"]["inputs"] == {
        "model": ["4", 0], "clip": ["4", 1], "lora_stack": ["5:2", 2], **row
    }  # fmt: skip
    assert changed["6"]["_meta"]["title"] == "LoRA Stack (Satchel)"
    assert changed["7"]["inputs"] == {"clip": ["6", 1], "text": ["10", 0]}
    assert changed["8"]["inputs"] == {}
    assert changed["9"]["inputs"] == {"source": ["11", 0]}
    assert changed["10"]["inputs"]["lora_stack"] == ["6", 2]
    assert changed["11"]["inputs"]["lora_stack"] == ["5:2", 2]
    assert [entry.added for entry in conversion.converted] == [(WORDS,), (WORDS,)]
    assert "Its output loaded_loras was connected" in " ".join(conversion.converted[1].notes)


def test_an_added_node_of_an_api_graph_gets_an_id_that_is_free() -> None:
    inputs = {"loras": LM_VALUES[1]}
    keys = ("7", "70:8", "x", "9" * 5000)

    changed, _ = api({
        **{key: api_node("PreviewAny") for key in keys},
        "a": api_node(LM_STACKER, **inputs), "b": api_node("PreviewAny", source=["a", 1]),
    })  # fmt: skip

    assert changed["71"]["class_type"] == WORDS


def test_linked_values_of_an_api_graph_go_into_the_rows() -> None:
    inputs = {
        "input_mode": "simple",
        "lora_count": 1,
        "lora_name_1": ["2", 0],
        "lora_wt_1": ["3", 1],
    }

    changed, _ = api({"1": api_node(STACKER, **inputs)})

    assert changed["1"]["inputs"] == {
        "on_1": True, "lora_1": ["2", 0], "strength_model_1": ["3", 1],
        "strength_clip_1": ["3", 1], "blocks_1": "",
    }  # fmt: skip


def test_apply_lbw_of_an_api_graph() -> None:
    inputs = {"category_filter": "All", "lora_name": "a.safetensors", "inverse": True, "seed": 0,
              "A": 4, "B": 1, "preset": "Preset", "block_vector": ",".join(["1"] * 17)}  # fmt: skip

    changed, _ = api(
        {
            "1": api_node("MakeLBW //Inspire", model=["9", 0], clip=["9", 1], **inputs),
            "2": api_node("ApplyLBW //Inspire", model=["9", 0], clip=["9", 1], lbw_model=["1", 0],
                          strength_model=1, strength_clip=0.5),
        }
    )  # fmt: skip

    assert list(changed) == ["2"]
    assert changed["2"]["inputs"]["blocks_1"].endswith(";inverse=1")


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
