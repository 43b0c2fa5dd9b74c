"""The LoRA Stack's rows, by mouse and keys, in both renderers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.models import write_safetensors

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

NAMES = ("detail.safetensors", "ink.safetensors", "style/wash.safetensors")
ADD, MANAGE = "Add LoRA", "Change a row"


@pytest.fixture
def some_loras(loras: Path) -> Path:
    for name in NAMES:
        write_safetensors(loras / name)
    return loras


def new_stack(page: Frontend) -> int:
    """An empty stack node in the middle of the view, as the node search would add it."""
    node: int = page.run(
        """() => {
          const node = LiteGraph.createNode('SatchelLoraStack')
          node.pos = [100, 100]
          app.canvas.graph.add(node)
          return Number(node.id)
        }"""
    )
    page.settle()
    return node


def add_rows(page: Frontend, node: int, *names: str) -> None:
    for name in names:
        page.click_widget(node, ADD)
        page.page.locator(f'[role="option"][title="{name}"]').click()
        page.settle()


def saved_stack(*rows: list[Any], node: int = 5, **more: Any) -> dict[str, Any]:
    """A graph as the host saves it, with one stack node."""
    stack = {
        "id": node,
        "type": "SatchelLoraStack",
        "pos": [100, 100],
        "size": [400, 120],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": [value for row in rows for value in row],
        **more,
    }
    return {
        "last_node_id": node,
        "last_link_id": 0,
        "nodes": [stack],
        "links": [],
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def inputs_of(page: Frontend, node: int = 5) -> dict[str, Any]:
    inputs: dict[str, Any] = page.export()[str(node)]["inputs"]
    return inputs


def saved_values(page: Frontend, node: int = 5) -> list[Any]:
    values: list[Any] = page.run(
        "(id) => app.rootGraph.serialize().nodes.find((node) => node.id === id).widgets_values",
        node,
    )
    return values


def test_a_new_stack_is_empty_and_each_chosen_file_becomes_a_row(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    assert inputs_of(page, node) == {}

    add_rows(page, node, "detail.safetensors", "style/wash.safetensors")

    assert inputs_of(page, node) == {
        "on_1": True,
        "lora_1": "detail.safetensors",
        "strength_model_1": 1,
        "strength_clip_1": 1,
        "blocks_1": "",
        "on_2": True,
        "lora_2": "style/wash.safetensors",
        "strength_model_2": 1,
        "strength_clip_2": 1,
        "blocks_2": "",
    }


def test_values_entered_by_hand_are_saved_and_exported(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "ink.safetensors")

    page.click_widget(node, "on_1")
    page.type_into_widget(node, "strength_model_1", "0.8")
    page.type_into_widget(node, "strength_clip_1", "-0.35")
    page.type_into_widget(node, "blocks_1", "1,0.5,0")

    expected = [False, "ink.safetensors", 0.8, -0.35, "1,0.5,0"]
    assert saved_values(page, node) == expected
    assert list(inputs_of(page, node).values()) == expected


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
    assert page.run("() => app.rootGraph.nodes[0].size[0]") == 400


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


def test_a_missing_file_is_marked_by_the_hosts_own_scan(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)

    page.load(
        saved_stack(
            [True, "ghost.safetensors", 1, 1, ""],
            [True, "ink.safetensors", 1, 1, ""],
        )
    )

    assert page.missing_models() == ["ghost.safetensors"]
    page.page.get_by_text("ghost.safetensors").first.wait_for()


def test_removing_a_row_renumbers_the_rest(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "detail.safetensors", "ink.safetensors", "style/wash.safetensors")

    page.click_widget(node, MANAGE)
    page.choose("1: detail.safetensors")
    page.choose("Remove")

    names = [value for key, value in inputs_of(page, node).items() if key.startswith("lora_")]
    assert names == ["ink.safetensors", "style/wash.safetensors"]
    assert [key for key in inputs_of(page, node) if key.startswith("on_")] == ["on_1", "on_2"]
    if renderer == "nodes2":
        assert page.vue_widget(node, "lora_1").inner_text() == "ink.safetensors"


def test_a_row_added_after_a_removal_does_not_inherit_old_values(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "ink.safetensors")
    page.type_into_widget(node, "strength_model_1", "3")
    page.click_widget(node, MANAGE)
    page.choose("1: ink.safetensors")
    page.choose("Remove")
    assert inputs_of(page, node) == {}

    add_rows(page, node, "detail.safetensors")

    assert saved_values(page, node) == [True, "detail.safetensors", 1, 1, ""]


def test_rows_move_and_duplicate(open_page: OpenPage, some_loras: Path, renderer: str) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "detail.safetensors", "ink.safetensors")

    page.click_widget(node, MANAGE)
    page.choose("2: ink.safetensors")
    page.choose("Move up")
    page.click_widget(node, MANAGE)
    page.choose("1: ink.safetensors")
    page.choose("Duplicate")

    values = saved_values(page, node)
    assert values[1::5] == ["ink.safetensors", "ink.safetensors", "detail.safetensors"]


def test_a_link_into_a_row_stays_with_its_row(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "detail.safetensors", "ink.safetensors")
    source = page.run(
        """(id) => {
          const source = LiteGraph.createNode('PrimitiveFloat')
          source.pos = [-300, 100]
          app.rootGraph.add(source)
          const stack = app.rootGraph.getNodeById(id)
          const slot = stack.inputs.findIndex((input) => input.name === 'strength_model_2')
          source.connect(0, stack, slot)
          return Number(source.id)
        }""",
        node,
    )

    page.click_widget(node, MANAGE)
    page.choose("1: detail.safetensors")
    page.choose("Remove")

    link = [str(source), 0]
    assert inputs_of(page, node)["strength_model_1"] == link
    graph = page.run("() => app.rootGraph.serialize()")
    page.load(graph)
    assert inputs_of(page, node)["strength_model_1"] == link


def test_a_row_gets_steps_and_skipping_from_its_menu(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "detail.safetensors", "ink.safetensors")
    for entry in ("Act in some steps", "Skip if it does not fit"):
        page.click_widget(node, MANAGE)
        page.choose("1: detail.safetensors")
        page.choose(entry)
    page.type_into_widget(node, "stop_1", "0.4")

    long = [True, "detail.safetensors", 1, 1, "", 0, 0.4, "skip"]
    short = [True, "ink.safetensors", 1, 1, ""]
    assert saved_values(page, node) == [*long, *short]
    page.load(page.run("() => app.rootGraph.serialize()"))
    assert saved_values(page, node) == [*long, *short]
    inputs = inputs_of(page, node)
    assert (inputs["start_1"], inputs["stop_1"], inputs["on_mismatch_1"]) == (0, 0.4, "skip")
    assert "start_2" not in inputs

    page.click_widget(node, MANAGE)
    page.choose("1: detail.safetensors")
    page.choose("Move down")
    assert saved_values(page, node) == [*short, *long]
    page.click_widget(node, MANAGE)
    page.choose("2: detail.safetensors")
    page.choose("Act in all steps")
    assert saved_values(page, node) == [*short, *long[:5], "skip"]


def test_copies_and_undo_treat_rows_like_any_widget(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack([False, "ink.safetensors", 0.4, 0.2, "1,0"]))
    page.focus_canvas()
    page.run("() => app.canvas.selectNode(app.rootGraph.nodes[0])")

    page.page.keyboard.press("Control+c")
    page.page.keyboard.press("Control+v")
    page.page.wait_for_function("() => app.rootGraph.nodes.length === 2")

    graph = page.run("() => app.rootGraph.serialize()")
    row = [False, "ink.safetensors", 0.4, 0.2, "1,0"]
    assert [node["widgets_values"] for node in graph["nodes"]] == [row, row]

    page.focus_canvas(850, 750)  # the copy lies where the mouse was
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function("() => app.rootGraph.nodes.length === 1")
    assert saved_values(page) == row

    add_rows(page, 5, "detail.safetensors")
    assert len(saved_values(page)) == 10
    page.focus_canvas(850, 750)
    # Nodes 2.0 measures the grown node a moment later, which the host counts as another change.
    for _ in range(2 if renderer == "nodes2" else 1):
        page.page.keyboard.press("Control+z")
        page.page.wait_for_timeout(300)
    assert saved_values(page) == row


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
          const slot = stack.inputs.find((input) => input.name === 'strength_model_1')
          subgraph.addInput('strength', 'FLOAT').connect(slot, stack)
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


def test_refreshing_finds_new_files(open_page: OpenPage, some_loras: Path) -> None:
    page = open_page(fresh=True)
    node = new_stack(page)
    write_safetensors(some_loras / "fresh.safetensors")

    page.focus_canvas()
    page.page.keyboard.press("r")
    page.page.get_by_text("Node definitions updated").first.wait_for()

    add_rows(page, node, "fresh.safetensors")
    assert inputs_of(page, node)["lora_1"] == "fresh.safetensors"


def test_without_any_lora_the_button_says_so(open_page: OpenPage, loras: Path) -> None:
    page = open_page()
    node = new_stack(page)

    page.click_widget(node, ADD)

    page.page.get_by_text("No LoRA found").wait_for()


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


def test_the_list_of_loras_is_asked_for_once_and_is_not_in_the_node_definition(
    open_page: OpenPage, some_loras: Path
) -> None:
    page = open_page(fresh=True)

    requests = page.run(
        "() => performance.getEntriesByType('resource')"
        ".filter((entry) => entry.name.endsWith('/models/loras')).length"
    )
    definition = page.run(
        "async () => JSON.stringify(await (await fetch('/object_info/SatchelLoraStack')).json())"
    )

    assert requests == 1
    assert "ink.safetensors" not in definition
