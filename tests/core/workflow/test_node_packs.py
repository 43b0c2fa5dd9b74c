"""Which packs a workflow needs, and what nodes get written that do not say so."""

from __future__ import annotations

from typing import Any

import pytest
from support.graphs import SUBGRAPH_ID, api_graph, api_node, subgraph, ui_graph, ui_node

from satchel.workflow.documents import read_json
from satchel.workflow.export import export
from satchel.workflow.lock import Lock
from satchel.workflow.node_pack import NodePack
from satchel.workflow.node_packs import CORE, named_packs

CORE_PACK = NodePack(CORE, version="0.30.0")
FANCY = NodePack("fancy", "ada/fancy", "", "1.2.0", "0123456789abcdef0123456789abcdef01234567")
HERE = {"KSampler": CORE_PACK, "FancyNode": FANCY, "FancyOther": FANCY}


def packs_of(graph: dict[str, Any], installed: Any = HERE, earlier: Any = ()) -> list[Any]:
    found = named_packs(read_json(graph, "x"), installed, earlier)
    return [(pack.cnr_id or pack.aux_id, pack.ver, pack.node_types) for pack in found]


def fancy(**properties: Any) -> dict[str, Any]:
    return ui_node(1, "FancyNode", properties=properties)


def test_packs_are_those_installed_here_whatever_form_the_graph_has():
    inner = subgraph(ui_node(1, "FancyOther"))
    graph = ui_graph(fancy(), ui_node(2, "KSampler"), ui_node(3, SUBGRAPH_ID), subgraphs=[inner])

    assert packs_of(graph) == [("fancy", FANCY.commit, ("FancyNode", "FancyOther"))]
    assert packs_of(api_graph(api_node("FancyNode"), api_node("KSampler"))) == [
        ("fancy", FANCY.commit, ("FancyNode",))
    ]


@pytest.mark.parametrize(("properties", "expected"), [
    ({"cnr_id": "fancy", "ver": "1.0.0"}, ("fancy", "1.0.0")),
    ({"cnr_id": "fancy", "ver": "v1.0.0"}, ("fancy", "1.0.0")),
    ({"aux_id": "ada/fancy", "ver": "0123abc"}, ("ada/fancy", "0123abc")),
    ({"cnr_id": "fancy", "ver": "unknown"}, ("fancy", "")),
    ({"cnr_id": "fancy"}, ("fancy", "")),
])  # fmt: skip
def test_what_is_not_installed_is_known_by_what_its_node_remembers(
    properties: dict[str, Any], expected: tuple[str, str]
):
    assert packs_of(ui_graph(fancy(**properties)), {}) == [(*expected, ("FancyNode",))]


@pytest.mark.parametrize("properties", [
    {"cnr_id": CORE, "ver": "0.3.1"}, {"cnr_id": "../x"}, {"cnr_id": 7}, {"aux_id": "x"},
    {"aux_id": "https://evil/x"}, {},
])  # fmt: skip
def test_properties_that_name_no_pack_are_ignored(properties: dict[str, Any]):
    assert packs_of(ui_graph(fancy(**properties)), {}) == []


def test_an_earlier_lock_is_remembered_for_types_that_are_still_there():
    earlier = [NodePack("fancy", version="0.9.0", node_types=("FancyNode", "Gone"))]

    assert packs_of(ui_graph(fancy()), {}, earlier) == [("fancy", "0.9.0", ("FancyNode",))]


def test_a_type_that_nobody_knows_is_listed_without_a_pack():
    graph = ui_graph(ui_node(1, "Mystery"), ui_node(2, "Note"), ui_node(3, "Reroute"))

    assert packs_of(graph) == [("", "", ("Mystery",))]
    assert packs_of(graph, {}) == []  # without a host every type is unknown


@pytest.mark.parametrize(("before", "after"), [
    ({}, {"cnr_id": "fancy", "aux_id": "ada/fancy", "ver": FANCY.commit}),
    ({"cnr_id": "fancy"}, {"cnr_id": "fancy", "ver": FANCY.commit}),
    ({"aux_id": "ada/fancy"}, {"aux_id": "ada/fancy", "ver": FANCY.commit}),
    ({"cnr_id": "fancy", "ver": "1.0.0"}, {"cnr_id": "fancy", "ver": "1.0.0"}),
    ({"cnr_id": "other"}, {"cnr_id": "other"}),
])  # fmt: skip
def test_exported_nodes_say_where_they_are_from_and_keep_what_they_said(
    before: dict[str, Any], after: dict[str, Any]
):
    node = fancy(**{"Node name for S&R": "FancyNode"}, **before)
    graph = export(read_json(ui_graph(node, ui_node(2, "KSampler")), "x"), Lock(()), HERE)

    assert graph.document.ui is not None
    own, core = (found["properties"] for found in graph.document.ui["nodes"])
    assert own == {"Node name for S&R": "FancyNode", **after}
    assert (core["cnr_id"], core["ver"]) == (CORE, "0.30.0")


def test_without_a_host_the_lock_tells_nodes_their_packs():
    lock = Lock((), node_packs=(NodePack("fancy", version="1", node_types=("FancyNode",)),))

    graph = export(read_json(ui_graph(fancy()), "x"), lock).document.ui

    assert graph is not None
    assert graph["nodes"][0]["properties"] == {"cnr_id": "fancy", "ver": "1"}
