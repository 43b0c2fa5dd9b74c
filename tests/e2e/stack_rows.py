"""The rows of a LoRA Stack as users reach them: by role and name, in both renderers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend

NAMES = ("detail.safetensors", "ink.safetensors", "style/wash.safetensors")
INK = [True, "ink.safetensors", 0.8, 0.8, ""]
WASH = [True, "style/wash.safetensors", 0.4, 1, ""]
DETAIL = [False, "detail.safetensors", 1, 1, ""]

ADD = "Add LoRA"


def compose_and_enter(page: Frontend, text: str) -> None:
    """Types a word with an input method, presses Enter while it is being put together, drops it."""
    session = page.page.context.new_cdp_session(page.page)
    compose = "Input.imeSetComposition"
    session.send(compose, {"text": text, "selectionStart": 0, "selectionEnd": len(text)})
    page.page.keyboard.press("Enter")
    page.settle()
    session.send(compose, {"text": "", "selectionStart": 0, "selectionEnd": 0})
    session.detach()


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


def saved_stack(*rows: list[Any], node: int = 5, **more: Any) -> dict[str, Any]:
    """A graph as the host saves it, with one stack node."""
    stack = {
        "id": node,
        "type": "SatchelLoraStack",
        "pos": [100, 100],
        "size": [420, 120],
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
    """Of the node in API format."""
    inputs: dict[str, Any] = page.export()[str(node)]["inputs"]
    return inputs


def saved_values(page: Frontend, node: int = 5) -> list[Any]:
    values: list[Any] = page.run(
        "(id) => app.rootGraph.serialize().nodes.find((node) => node.id === id).widgets_values"
        ".filter((value) => value !== null)",
        node,
    )
    return values


def wait_for_values(page: Frontend, values: list[Any], node: int = 5) -> None:
    page.page.wait_for_function(
        "([id, values]) => JSON.stringify(app.rootGraph.serialize().nodes"
        ".find((node) => node.id === id)?.widgets_values) === JSON.stringify(values)",
        arg=[node, values],
        timeout=5000,
    )


def stack(page: Frontend, node: int = 5) -> Locator:
    return page.page.locator(f'.satchel-stack[data-node="{node}"]')


def row(page: Frontend, number: int, node: int = 5) -> Locator:
    return stack(page, node).get_by_role("listitem").nth(number - 1)


def grip(page: Frontend, number: int, node: int = 5) -> Locator:
    return row(page, number, node).get_by_role("button", name=f"LoRA {number}:")


def number_field(page: Frontend, number: int, label: str, node: int = 5) -> Locator:
    """A field of a row, such as `Strength`, `Model strength`, `Clip strength` or `start`."""
    return row(page, number, node).get_by_role("spinbutton", name=f"{label},")


def type_number(page: Frontend, number: int, label: str, text: str, node: int = 5) -> None:
    field = number_field(page, number, label, node)
    field.click()
    page.page.keyboard.type(text)
    page.page.keyboard.press("Enter")


def press_add(page: Frontend, node: int = 5) -> None:
    stack(page, node).get_by_role("button", name=ADD).click()
    page.settle()


def add_rows(page: Frontend, node: int, *names: str) -> None:
    for name in names:
        press_add(page, node)
        page.page.locator(f'[role="option"][title="{name}"]').click()
        page.settle()


def choose(page: Frontend, entry: str) -> None:
    """An entry of the menu that is open."""
    page.page.get_by_role("menu").get_by_text(entry, exact=True).click()
    page.settle()


def choose_for_row(page: Frontend, number: int, entry: str, node: int = 5) -> None:
    row(page, number, node).get_by_role("button", name="More for").click()
    choose(page, entry)


def choose_for_all(page: Frontend, entry: str, node: int = 5) -> None:
    stack(page, node).get_by_role("button", name="What can be done with all rows").click()
    choose(page, entry)
