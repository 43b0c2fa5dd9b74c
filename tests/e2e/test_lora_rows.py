"""The LoRA Stack's rows, by mouse and keys, in both renderers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from support.models import write_safetensors

from .stack_rows import (
    DETAIL,
    INK,
    WASH,
    add_rows,
    choose_for_row,
    grip,
    inputs_of,
    new_stack,
    number_field,
    press_add,
    row,
    saved_stack,
    saved_values,
    stack,
    type_number,
    wait_for_values,
)

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend
    from satchel_tools.comfyui import ComfyUI

    OpenPage = Callable[..., Frontend]


def test_a_new_stack_is_empty_and_each_chosen_file_becomes_a_row(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    assert inputs_of(page, node) == {}
    assert "No LoRA yet" in stack(page, node).inner_text()

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
    assert row(page, 2, node).locator(".satchel-file").inner_text() == "wash"
    assert row(page, 2, node).locator(".satchel-row-folder").inner_text() == "style"


def test_one_strength_is_both_until_they_are_set_apart(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "ink.safetensors")

    row(page, 1, node).get_by_role("switch").click()
    type_number(page, 1, "Strength", "0,8", node)
    assert saved_values(page, node) == [False, "ink.safetensors", 0.8, 0.8, ""]
    row(page, 1, node).get_by_role("button", name="Set model and clip strength apart").click()
    type_number(page, 1, "Clip strength", "-0.35", node)
    assert saved_values(page, node) == [False, "ink.safetensors", 0.8, -0.35, ""]
    assert list(inputs_of(page, node).values()) == saved_values(page, node)

    # What is no number is not taken, and what is too large is cut.
    type_number(page, 1, "Clip strength", "much", node)
    type_number(page, 1, "Model strength", "99", node)
    assert saved_values(page, node)[2:4] == [10, -0.35]
    row(page, 1, node).get_by_role("button", name="One strength for model and clip").click()
    assert saved_values(page, node)[2:4] == [10, 10]


def test_strengths_are_dragged_turned_stepped_and_reset(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(INK))
    field = number_field(page, 1, "Strength")
    box = field.bounding_box()
    assert box is not None
    mouse, keys = page.page.mouse, page.page.keyboard
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 10, y)
    mouse.move(x + 32, y)
    mouse.up()
    assert saved_values(page)[2:4] == [1.05, 1.05]
    scale = page.run("() => app.canvas.ds.scale")
    field.click()
    for key in ("ArrowUp", "Shift+ArrowUp", "PageDown"):
        keys.press(key)
    assert saved_values(page)[2:4] == [0.86, 0.86]
    mouse.wheel(0, -100)
    wait_for_values(page, [*INK[:2], 0.91, 0.91, ""])
    assert page.run("() => app.canvas.ds.scale") == scale
    field.dblclick()
    wait_for_values(page, [*INK[:2], 1, 1, ""])

    # A wheel over a field that is not being edited is the canvas's.
    row(page, 1).get_by_role("button", name="More for").focus()
    mouse.wheel(0, -100)
    page.page.wait_for_function("(scale) => app.canvas.ds.scale > scale", arg=scale)
    assert saved_values(page)[2:4] == [1, 1]


def test_a_missing_file_is_told_with_the_button_that_looks_for_it(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)

    page.load(saved_stack([True, "ghost.safetensors", 1, 1, ""], INK))

    assert page.missing_models() == ["ghost.safetensors"]
    assert row(page, 2).get_by_role("button", name="Find").count() == 0
    find = row(page, 1).get_by_role("button", name="Find: ghost")
    assert find.get_attribute("title") == "ghost.safetensors is in none of the LoRA folders."
    find.click()
    plan = page.page.get_by_role("dialog", name="Models of this workflow")
    plan.get_by_text("Not found anywhere").wait_for()
    plan.get_by_role("button", name="Close").last.click()
    plan.wait_for(state="detached")

    # Off, it needs no file.
    row(page, 1).get_by_role("switch").click()
    find.wait_for(state="hidden")
    row(page, 1).get_by_role("button", name="ghost, choose file").click()
    page.page.get_by_role("option", name="detail.safetensors").click()
    assert saved_values(page)[:2] == [False, "detail.safetensors"]


def test_removing_a_row_renumbers_the_rest_and_can_be_undone(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(INK, DETAIL, WASH))

    choose_for_row(page, 2, "Remove")

    assert saved_values(page) == [*INK, *WASH]
    assert [key for key in inputs_of(page) if key.startswith("on_")] == ["on_1", "on_2"]
    assert row(page, 2).locator(".satchel-file").inner_text() == "wash"
    assert stack(page).get_by_role("status").inner_text().startswith("detail removed")
    page.page.wait_for_timeout(100)
    stack(page).get_by_role("button", name="Undo").click()
    wait_for_values(page, [*INK, *DETAIL, *WASH])
    row(page, 2).get_by_text("detail").wait_for()
    row(page, 2).get_by_role("switch").click()
    wait_for_values(page, [*INK, True, *DETAIL[1:], *WASH])
    page.page.wait_for_timeout(100)
    page.focus_canvas(850, 750)
    page.page.keyboard.press("Control+z")
    wait_for_values(page, [*INK, *DETAIL, *WASH])
    page.page.keyboard.press("Control+y")
    wait_for_values(page, [*INK, True, *DETAIL[1:], *WASH])


def test_a_row_added_after_a_removal_does_not_inherit_old_values(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "ink.safetensors")
    type_number(page, 1, "Strength", "3", node)
    choose_for_row(page, 1, "Remove", node)
    assert inputs_of(page, node) == {}

    add_rows(page, node, "detail.safetensors")

    assert saved_values(page, node) == [True, "detail.safetensors", 1, 1, ""]


def test_rows_are_dragged_to_other_places(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(INK, DETAIL, WASH))
    boxes = [grip(page, number).bounding_box() for number in (1, 3)]
    (x, top), (_, bottom) = [
        (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box
    ]
    mouse = page.page.mouse

    mouse.move(x, top)
    mouse.down()
    mouse.move(x, (top + bottom) / 2)
    mouse.move(x, bottom + 4)
    assert stack(page).locator(".satchel-drop-line").count() == 1
    mouse.up()
    assert saved_values(page) == [*DETAIL, *WASH, *INK]

    mouse.move(x, bottom)
    mouse.down()
    mouse.move(x, top - 4)
    page.page.keyboard.press("Escape")
    mouse.up()
    assert saved_values(page) == [*DETAIL, *WASH, *INK]


def test_rows_are_reached_moved_doubled_and_removed_by_keys(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(INK, DETAIL, WASH))
    press = page.page.keyboard.press

    def focused() -> str:
        label: str = page.run("() => document.activeElement.getAttribute('aria-label')")
        return label

    grip(page, 1).focus()
    press("ArrowDown")
    assert focused() == "LoRA 2: detail"
    press("Alt+ArrowUp")
    assert saved_values(page) == [*DETAIL, *INK, *WASH]
    assert focused() == "LoRA 1: detail"
    press("Tab")
    assert focused() == "detail is on"
    press("Space")
    press("ArrowDown")
    assert focused() == "ink is on"
    press("Shift+Tab")
    press("Control+d")
    on = [True, *DETAIL[1:]]
    assert saved_values(page) == [*on, *INK, *INK, *WASH]
    assert focused() == "LoRA 3: ink"
    press("Delete")
    assert saved_values(page) == [*on, *INK, *WASH]
    assert focused() == "LoRA 3: wash"
    page.page.wait_for_timeout(100)
    press("Control+z")
    wait_for_values(page, [*on, *INK, *INK, *WASH])
    page.page.wait_for_function(
        "() => document.activeElement.getAttribute('aria-label') === 'LoRA 3: ink'"
    )
    press("Tab")
    for _ in range(4):
        press("Tab")
    assert focused().startswith("Set model and clip")
    press("Tab")
    press("Enter")
    press("End")
    press("Enter")
    assert saved_values(page) == [*on, *INK, *WASH]


def test_a_row_gets_steps_and_skipping_from_its_menu(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    node = new_stack(page)
    add_rows(page, node, "detail.safetensors", "ink.safetensors")
    for entry in ("Act in some steps", "Skip if it does not fit"):
        choose_for_row(page, 1, entry, node)
    type_number(page, 1, "stop", "0.4", node)

    long = [True, "detail.safetensors", 1, 1, "", 0, 0.4, "skip"]
    short = [True, "ink.safetensors", 1, 1, ""]
    assert saved_values(page, node) == [*long, *short]
    page.load(page.run("() => app.rootGraph.serialize()"))
    assert saved_values(page, node) == [*long, *short]
    inputs = inputs_of(page, node)
    assert (inputs["start_1"], inputs["stop_1"], inputs["on_mismatch_1"]) == (0, 0.4, "skip")
    assert "start_2" not in inputs

    choose_for_row(page, 1, "Move down", node)
    assert saved_values(page, node) == [*short, *long]
    row(page, 2, node).get_by_role("button", name="Act in all steps").click()
    assert saved_values(page, node) == [*short, *long[:5], "skip"]


def test_refreshing_finds_new_files(open_page: OpenPage, some_loras: Path) -> None:
    page = open_page()
    node = new_stack(page)
    write_safetensors(some_loras / "fresh.safetensors")
    page.run("() => app.extensionManager.toast.removeAll()")

    page.focus_canvas()
    page.page.keyboard.press("r")
    page.page.get_by_text("Node definitions updated").first.wait_for()

    add_rows(page, node, "fresh.safetensors")
    assert inputs_of(page, node)["lora_1"] == "fresh.safetensors"


def test_without_any_lora_the_button_says_so(open_page: OpenPage, loras: Path) -> None:
    page = open_page()
    node = new_stack(page)

    press_add(page, node)

    page.page.get_by_text("No LoRA found").wait_for()


def test_the_list_of_loras_is_asked_for_once_and_is_not_in_the_node_definition(
    open_page: OpenPage, comfy: ComfyUI, some_loras: Path
) -> None:
    page = open_page()
    requests: list[str] = []
    page.page.on("request", lambda request: requests.append(request.url))

    page.open(comfy.url)
    add_rows(page, new_stack(page), "ink.safetensors", "detail.safetensors")

    definition = page.run(
        "async () => JSON.stringify(await (await fetch('/object_info/SatchelLoraStack')).json())"
    )

    assert len([url for url in requests if url.endswith("/models/loras")]) == 1
    assert "ink.safetensors" not in definition
