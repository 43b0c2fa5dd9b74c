"""Help pages: every node has one, with a picture that the browser shows and an example graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from satchel_tools.comfyui import ComfyUI
from satchel_tools.example_models import graphs
from satchel_tools.help_pictures import PICTURES

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

KILOBYTES = 60


def test_every_node_has_a_help_page_with_a_picture_and_an_example(comfy: ComfyUI) -> None:
    info = comfy.get_json("/object_info")
    nodes = {name for name, node in info.items() if node["category"].startswith("Satchel")}
    used = {node["type"] for graph in graphs().values() for node in graph["nodes"]}

    assert nodes
    assert {picture.node for picture in PICTURES} == nodes
    assert nodes <= used
    for picture in PICTURES:
        _, page = comfy.request("GET", f"/extensions/ComfyUI-Satchel/docs/{picture.node}.md")
        assert f"]({picture.node}.png)" in page.decode()
        assert f"> {picture.graph}*" in page.decode()
        _, image = comfy.request("GET", f"/extensions/ComfyUI-Satchel/docs/{picture.node}.png")
        assert image.startswith(b"\x89PNG")
        assert len(image) <= KILOBYTES * 1000


@pytest.mark.parametrize("name", [picture.node for picture in PICTURES])
def test_the_help_panel_shows_the_picture(open_page: OpenPage, name: str) -> None:
    page = open_page("nodes2")
    node = page.run(
        """(type) => {
          const node = LiteGraph.createNode(type)
          node.pos = [100, 100]
          app.canvas.graph.add(node)
          return node.id
        }""",
        name,
    )
    page.page.locator(f'[data-node-id="{node}"]').click(position={"x": 120, "y": 12})

    page.page.get_by_test_id("info-button").click()

    picture = page.page.locator(".node-help-content img").first
    picture.wait_for()
    assert picture.get_attribute("src") == f"/extensions/ComfyUI-Satchel/docs/{name}.png"
    page.page.wait_for_function(
        "() => document.querySelector('.node-help-content img').naturalWidth > 300"
    )
    page.page.keyboard.press("Escape")
