"""What tests of conversions share: graphs to convert, and how one is checked to be whole."""

from __future__ import annotations

import copy
from typing import Any

from support.graphs import ui_graph, ui_node

from satchel.workflow.convert import Conversion, convert
from satchel.workflow.documents import read_json

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


def api(graph: Json) -> tuple[Json, Conversion]:
    before = copy.deepcopy(graph)
    conversion = convert(read_json(graph, "x"), names=NAMES)
    assert graph == before
    assert conversion.document.api is not None
    return conversion.document.api, conversion
