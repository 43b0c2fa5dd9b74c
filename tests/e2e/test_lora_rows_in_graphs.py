"""The LoRA Stack's rows in graphs: saved, linked, copied, in subgraphs and in API format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .stack_rows import (
    DETAIL,
    INK,
    WASH,
    add_rows,
    choose,
    choose_for_row,
    inputs_of,
    number_field,
    saved_stack,
    saved_values,
    type_number,
    wait_for_values,
)

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]


def test_a_saved_stack_reopens_with_every_value_also_of_files_that_are_gone(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    rows = [
        [True, "gone/ghost.safetensors", 0.65, 0.3, ""],
        [False, "style\\wash.safetensors", -1.5, 2, "1,1,0"],
        [True, "ink.safetensors", 1, 0, ""],
    ]
    page = open_page(renderer)

    page.load(saved_stack(*rows))

    flat = [value for row in rows for value in row]
    assert saved_values(page) == flat
    assert list(inputs_of(page).values()) == flat
    assert page.run("() => app.rootGraph.nodes[0].size[0]") == 420
    assert number_field(page, 2, "Clip strength").input_value() == "2.00"


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ([True, "ink.safetensors", 0.5], [True, "ink.safetensors", 0.5, 0.5, ""]),
        ({"lora_7": "ink.safetensors", "on_7": False}, [False, "ink.safetensors", 1, 1, ""]),
        ([{"lora": "x", "strength": 1}, None, None], []),
        ([], []),
    ],
    ids=["cut short", "keyed by name", "of another pack", "empty"],
)
def test_odd_saved_values_become_whole_rows(
    open_page: OpenPage, some_loras: Path, saved: Any, expected: list[Any]
) -> None:
    page = open_page()

    page.load(saved_stack(widgets_values=saved))

    assert saved_values(page) == expected


def test_a_link_into_a_row_stays_with_its_row(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(DETAIL, INK))
    choose_for_row(page, 2, "Fields with an input socket")
    choose(page, "model strength")
    source = page.run(
        """() => {
          const source = LiteGraph.createNode('PrimitiveFloat')
          source.pos = [-300, 100]
          app.rootGraph.add(source)
          const stack = app.rootGraph.getNodeById(5)
          const slot = stack.inputs.findIndex((input) => input.name === 'strength_model_2')
          source.connect(0, stack, slot)
          return Number(source.id)
        }"""
    )
    page.settle()
    assert number_field(page, 2, "Model strength").is_disabled()
    assert number_field(page, 2, "Clip strength").is_enabled()

    choose_for_row(page, 1, "Remove")

    link = [str(source), 0]
    assert inputs_of(page)["strength_model_1"] == link
    assert number_field(page, 1, "Model strength").get_attribute("title") == "Comes from a link"
    graph = page.run("() => app.rootGraph.serialize()")
    page.load(graph)
    assert inputs_of(page)["strength_model_1"] == link
    names = page.run("() => app.rootGraph.getNodeById(5).inputs.map((input) => input.name)")
    assert names == ["model", "clip", "lora_stack", "strength_model_1"]


def test_a_graph_of_an_earlier_version_keeps_its_links_and_loses_its_other_sockets(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    fields = ("on", "lora", "strength_model", "strength_clip", "blocks")
    types = ("BOOLEAN", "COMBO", "FLOAT", "FLOAT", "STRING")
    sockets = [("model", "MODEL"), ("clip", "CLIP"), ("lora_stack", "LORA_STACK")]
    graph = saved_stack(
        INK,
        WASH,
        size=[420, 700],
        inputs=[
            *({"name": name, "type": kind, "link": None} for name, kind in sockets),
            *(
                {
                    "name": f"{field}_{number}",
                    "type": kind,
                    "widget": {"name": f"{field}_{number}"},
                    "link": 3 if (field, number) == ("strength_clip", 2) else None,
                }
                for number in (1, 2)
                for field, kind in zip(fields, types, strict=True)
            ),
        ],
    )
    source = {
        **saved_stack(node=9)["nodes"][0],
        "type": "PrimitiveFloat",
        "pos": [-300, 100],
        "outputs": [{"name": "FLOAT", "type": "FLOAT", "links": [3]}],
        "widgets_values": [0.25],
    }
    graph["nodes"].append(source)
    graph["links"].append([3, 9, 0, 5, 11, "FLOAT"])
    page = open_page(renderer)

    page.load(graph)

    assert saved_values(page) == [*INK, *WASH]
    assert inputs_of(page)["strength_clip_2"] == ["9", 0]
    names = page.run("() => app.rootGraph.getNodeById(5).inputs.map((input) => input.name)")
    assert names == ["model", "clip", "lora_stack", "strength_clip_2"]
    assert page.run("() => app.rootGraph.getNodeById(5).size[1]") < 500


def test_copies_and_undo_treat_rows_like_any_widget(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack([False, "ink.safetensors", 0.4, 0.2, "1,0"]))
    page.focus_canvas()
    page.run("() => app.canvas.selectNode(app.rootGraph.nodes[0])")
    page.settle()

    page.page.keyboard.press("Control+c")
    page.page.keyboard.press("Control+v")
    page.page.wait_for_function("() => app.rootGraph.nodes.length === 2")

    graph = page.run("() => app.rootGraph.serialize()")
    first = [False, "ink.safetensors", 0.4, 0.2, "1,0"]
    assert [node["widgets_values"] for node in graph["nodes"]] == [first, first]

    page.focus_canvas(850, 750)  # the copy lies where the mouse was
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function("() => app.rootGraph.nodes.length === 1")
    assert saved_values(page) == first

    add_rows(page, 5, "detail.safetensors")
    assert len(saved_values(page)) == 10
    page.page.wait_for_timeout(100)
    page.focus_canvas(850, 750)
    page.page.keyboard.press("Control+z")
    wait_for_values(page, first)


def test_rows_work_inside_a_subgraph_and_can_be_promoted(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(
        saved_stack([True, "ink.safetensors", 0.4, 0.2, ""], [True, "ghost.safetensors", 1, 1, ""])
    )
    page.run(
        """() => {
          const { subgraph } = app.rootGraph.convertToSubgraph(new Set(app.rootGraph.nodes))
          const stack = subgraph.nodes[0]
          // As the host's own promotion asks.
          const widget = stack.widgets.find((each) => each.name === 'strength_model_1')
          subgraph.addInput('strength', 'FLOAT').connect(stack.getSlotFromWidget(widget), stack)
        }"""
    )
    page.load(page.run("() => app.rootGraph.serialize()"))

    host = page.run("() => app.rootGraph.nodes[0].id")
    assert page.run("() => app.rootGraph.nodes[0].widgets.map((widget) => widget.name)") == [
        "strength"
    ]
    page.run("() => { app.rootGraph.nodes[0].widgets[0].value = 0.9 }")
    inner = next(node for key, node in page.export().items() if key.startswith(f"{host}:"))
    assert inner["inputs"]["strength_model_1"] == 0.9
    assert inner["inputs"]["lora_2"] == "ghost.safetensors"
    assert page.missing_models() == ["ghost.safetensors"]

    page.run(
        "() => app.canvas.openSubgraph(app.rootGraph.nodes[0].subgraph, app.rootGraph.nodes[0])"
    )
    page.reset_view()
    assert number_field(page, 1, "Model strength").is_disabled()
    type_number(page, 2, "Strength", "0.5")
    choose_for_row(page, 2, "Move up")
    inner = next(node for key, node in page.export().items() if key.startswith(f"{host}:"))
    assert [inner["inputs"][f"strength_model_{number}"] for number in (1, 2)] == [0.5, 0.9]


def test_a_graph_in_api_format_opens_with_its_rows_closed_up(
    open_page: OpenPage, some_loras: Path
) -> None:
    page = open_page()

    page.run(
        "(graph) => app.loadApiJson(graph, 'from-api')",
        {
            "7": {"class_type": "PrimitiveFloat", "inputs": {"value": 0.5}},
            "9": {
                "class_type": "SatchelLoraStack",
                "inputs": {
                    "lora_4": "ink.safetensors",
                    "strength_model_4": ["7", 0],
                    "lora_2": "style/wash.safetensors",
                    "strength_model_2": 0.25,
                    "on_2": False,
                },
            },
        },
    )

    assert inputs_of(page, 9) == {
        "on_1": False,
        "lora_1": "style/wash.safetensors",
        "strength_model_1": 0.25,
        "strength_clip_1": 0.25,
        "blocks_1": "",
        "on_2": True,
        "lora_2": "ink.safetensors",
        "strength_model_2": ["7", 0],
        "strength_clip_2": 1,
        "blocks_2": "",
    }
