"""What can be done with all rows of a stack: switch, scale, copy and paste."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .stack_rows import (
    choose_for_all,
    grip,
    new_stack,
    row,
    saved_stack,
    saved_values,
    stack,
    wait_for_values,
)

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

FIRST = [True, "ink.safetensors", 0.8, 0.4, "IN04=0.5"]
LONG = [False, "style/wash.safetensors", 1, -0.5, "", 0, 0.4, "skip"]


def test_rows_are_copied_to_another_stack_with_all_that_they_have(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(FIRST, LONG))
    choose_for_all(page, "Copy all rows")
    page.page.get_by_text("Rows copied").first.wait_for()
    page.load({"nodes": [], "links": [], "version": 0.4})
    other = new_stack(page)

    choose_for_all(page, "Paste rows", other)

    wait_for_values(page, [*FIRST, *LONG], other)


def test_a_row_in_focus_is_copied_and_pasted_by_keys(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(FIRST, LONG))
    grip(page, 2).focus()

    page.page.keyboard.press("Control+c")
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("Control+v")

    wait_for_values(page, [*FIRST, *LONG, *LONG])
    assert page.run("() => app.rootGraph.nodes.length") == 1


def test_text_with_tags_is_pasted_as_rows(open_page: OpenPage, some_loras: Path) -> None:
    page = open_page()
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    try:
        node = new_stack(page)
        page.run(
            "() => navigator.clipboard.writeText("
            "'a cat <lora:wash:0.5>, <lora:ghost:1:0> <lora:ink:1:step=2-5>')"
        )
        choose_for_all(page, "Paste rows", node)
        page.page.get_by_text("<lora:ink:1:step=2-5>").first.wait_for()

        pasted = [
            *[True, "style/wash.safetensors", 0.5, 0.5, ""],
            *[True, "ghost", 1, 0, ""],
        ]
        wait_for_values(page, pasted, node)
        choose_for_all(page, "Copy all rows", node)
        page.page.get_by_text("Rows copied").first.wait_for()
        copied = page.run("() => navigator.clipboard.readText()")
        assert copied == "<lora:style/wash:0.5> <lora:ghost:1:0>"
    finally:
        page.page.context.clear_permissions()


def test_all_rows_are_switched_at_once(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(FIRST, LONG))
    switch = stack(page).get_by_role("checkbox", name="Turn all on or off")
    assert switch.get_attribute("aria-checked") == "mixed"

    switch.click()
    assert [saved_values(page)[at] for at in (0, 5)] == [False, False]
    assert "0 of 2 on" in stack(page).inner_text()
    switch.click()
    assert [saved_values(page)[at] for at in (0, 5)] == [True, True]


def test_all_strengths_are_scaled_by_a_drag_a_number_or_the_menu(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(FIRST, LONG))
    scale = stack(page).get_by_role("spinbutton", name="Scale all strengths")
    box = scale.bounding_box()
    assert box is not None
    mouse = page.page.mouse

    mouse.move(box["x"] + 20, box["y"] + 5)
    mouse.down()
    mouse.move(box["x"] + 60, box["y"] + 5)
    mouse.move(box["x"] + 20 + 6 * 10, box["y"] + 5)
    mouse.up()
    wait_for_values(page, [*FIRST[:2], 1.2, 0.6, *FIRST[4:], *LONG[:2], 1.5, -0.75, *LONG[4:]])
    assert scale.input_value() == "1.00"

    scale.click()
    page.page.keyboard.type("0.5")
    page.page.keyboard.press("Enter")
    wait_for_values(page, [*FIRST[:2], 0.6, 0.3, *FIRST[4:], *LONG[:2], 0.75, -0.37, *LONG[4:]])
    choose_for_all(page, "times 2")
    wait_for_values(page, [*FIRST[:2], 1.2, 0.6, *FIRST[4:], *LONG[:2], 1.5, -0.74, *LONG[4:]])


def test_fifty_rows_are_drawn_and_kept(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)

    page.load(saved_stack(*[FIRST] * 50))

    assert row(page, 50).locator(".satchel-file").inner_text() == "ink"
    assert page.run("() => app.rootGraph.nodes[0].inputs.length") == 3
    assert saved_values(page) == FIRST * 50
