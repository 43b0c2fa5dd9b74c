"""Other packs' LoRA nodes become LoRA Stacks in the open graph, and undo brings them back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from satchel_tools.comfyui import ComfyUI
from support.graphs import SUBGRAPH_ID, subgraph, ui_graph, ui_node
from support.models import write_safetensors

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

Json = dict[str, Any]

POWER = "Power Lora Loader (rgthree)"
STACK = "SatchelLoraStack"
CONVERT = "Convert to LoRA Stack"
ROWS = [True, "ink.safetensors", 0.5, 0.5, "", False, "style/wash.safetensors", 1, 1, ""]


@pytest.fixture(autouse=True)
def _loras(loras: Path) -> None:
    for name in ("ink.safetensors", "style/wash.safetensors"):
        write_safetensors(loras / name)


def power_node(node_id: int, *names: str, **fields: Any) -> Json:
    rows = [{"on": True, "lora": "ink.safetensors", "strength": 0.5, "strengthTwo": None},
            {"on": False, "lora": "style\\wash.safetensors", "strength": 1, "strengthTwo": None},
            *({"on": True, "lora": name, "strength": 1, "strengthTwo": None} for name in names),
            ]  # fmt: skip
    return ui_node(
        node_id, POWER, [{}, {"type": "PowerLoraLoaderHeaderWidget"}, *rows, {}, ""],
        inputs=[{"name": "model", "type": "MODEL", "link": None},
                {"name": "clip", "type": "CLIP", "link": None}],
        outputs=[{"name": "MODEL", "type": "MODEL", "links": []},
                 {"name": "CLIP", "type": "CLIP", "links": []}],
        **fields,
    )  # fmt: skip


def graph_with_power(*names: str) -> Json:
    """A Power Lora Loader whose model goes into a node that shows it."""
    power = power_node(3, *names, title="My LoRAs")
    power["outputs"][0]["links"] = [1]
    preview = ui_node(4, "PreviewAny", [], pos=[620, 200],
                      inputs=[{"name": "source", "type": "*", "link": 1}], outputs=[])  # fmt: skip
    return ui_graph(
        power, preview, links=[[1, 3, 0, 4, 0, "MODEL"]], last_node_id=4, last_link_id=1
    )


def types(page: Frontend) -> list[str]:
    found: list[str] = page.run(
        "() => app.rootGraph.serialize().nodes.map((node) => node.type).sort()"
    )
    return found


def node_values(page: Frontend, node: int = 3) -> list[Any]:
    values: list[Any] = page.run(
        "(id) => app.rootGraph.serialize().nodes.find((node) => node.id === id).widgets_values",
        node,
    )
    return values


def wait_for_types(page: Frontend, *expected: str) -> None:
    page.page.wait_for_function(
        "(expected) => JSON.stringify(app.rootGraph.serialize().nodes"
        ".map((node) => node.type).sort()) === JSON.stringify(expected)",
        arg=sorted(expected),
    )
    page.settle()


def test_one_click_converts_what_is_missing_it_runs_and_undo_brings_it_back(
    open_page: OpenPage, comfy: ComfyUI, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(graph_with_power())
    notice = page.page.locator(".satchel-notice")
    assert POWER in notice.inner_text()

    notice.get_by_role("button", name=CONVERT).click()

    page.page.get_by_text("1 node converted").wait_for()
    assert notice.count() == 0
    assert types(page) == ["PreviewAny", STACK]
    assert node_values(page) == ROWS
    prompt = page.export()
    assert prompt["4"]["inputs"]["source"] == ["3", 0]
    assert prompt["3"]["_meta"]["title"] == "My LoRAs"
    assert comfy.run_prompt(prompt)
    assert page.missing_models() == []

    page.focus_canvas()
    page.page.keyboard.press("Control+z")
    wait_for_types(page, POWER, "PreviewAny")
    assert node_values(page)[2]["lora"] == "ink.safetensors"

    page.page.keyboard.press("Control+y")
    wait_for_types(page, STACK, "PreviewAny")
    assert node_values(page) == ROWS


def test_the_menu_converts_nodes_in_subgraphs_and_says_what_did_not_come_over(
    open_page: OpenPage,
) -> None:
    page = open_page()
    definition = subgraph(power_node(7, "None")) | {
        "version": 1, "links": [], "groups": [], "inputs": [], "outputs": [], "widgets": [],
        "inputNode": {"id": -10, "bounding": [0, 0, 100, 100]},
        "outputNode": {"id": -20, "bounding": [600, 0, 100, 100]},
        "state": {"lastNodeId": 9, "lastLinkId": 0, "lastGroupId": 0, "lastRerouteId": 0},
    }  # fmt: skip
    page.load(ui_graph(ui_node(9, SUBGRAPH_ID), subgraphs=[definition], last_node_id=9))

    page.page.locator(".comfy-menu-button-wrapper").first.click()
    page.page.get_by_role("menuitem", name="Satchel").hover()
    page.page.get_by_role("menuitem", name="Convert LoRA nodes to LoRA Stack").click()

    dialog = page.page.get_by_role("dialog", name="Converting LoRA nodes")
    dialog.get_by_text('node 7 in "Style"').wait_for()
    assert "Row 3 of the old node had no LoRA" in dialog.inner_text()
    dialog.get_by_role("button", name="Close").last.click()
    inner = page.run(
        "() => app.rootGraph.serialize().definitions.subgraphs[0].nodes"
        ".map((node) => [node.type, node.widgets_values])"
    )
    assert inner == [[STACK, ROWS]]
    page.focus_canvas()
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function(
        "(type) => app.rootGraph.serialize().definitions.subgraphs[0].nodes[0].type === type",
        arg=POWER,
    )


def test_the_context_menu_converts_one_node(open_page: OpenPage) -> None:
    page = open_page()
    graph = graph_with_power()
    graph["nodes"].append(power_node(8, pos=[100, 500]))
    page.load(graph)

    x, y = page.run("() => app.canvasPosToClientPos([140, 185])")
    page.page.mouse.click(x, y, button="right")
    page.page.get_by_text(CONVERT).last.click()

    wait_for_types(page, STACK, POWER, "PreviewAny")
    assert node_values(page) == ROWS


def test_a_notice_that_is_dismissed_stays_away_and_other_graphs_have_none(
    open_page: OpenPage,
) -> None:
    page = open_page()
    notice = page.page.locator(".satchel-notice")
    page.load(graph_with_power())
    page.load(ui_graph(ui_node(1, "PreviewAny", [])))
    assert notice.count() == 0
    page.load(graph_with_power())

    notice.get_by_role("button", name="Dismiss").click()

    page.load(graph_with_power())
    assert notice.count() == 0
    assert types(page) == [POWER, "PreviewAny"]


def test_a_graph_without_such_nodes_says_so(open_page: OpenPage) -> None:
    page = open_page()
    page.load(ui_graph(ui_node(1, "PreviewAny", [])))

    page.run("() => app.extensionManager.command.execute('Satchel.ConvertLoraNodes')")

    page.page.get_by_text("No LoRA nodes to convert").wait_for()
