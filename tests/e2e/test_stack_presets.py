"""Stack presets: saved, loaded, deleted with undo, shared as a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .stack_rows import choose_for_all, compose_and_enter, saved_stack, saved_values, stack

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend
    from satchel_tools.comfyui import ComfyUI

    OpenPage = Callable[..., Frontend]

INK = [True, "ink.safetensors", 0.8, 0.5, "M00=1"]
WASH = [False, "style/wash.safetensors", 1, 1, "", 0.2, 0.9, "skip"]


@pytest.fixture(autouse=True)
def no_presets(comfy: ComfyUI) -> Iterator[None]:
    yield
    route = "/satchel/v1/stack-presets"
    for preset in comfy.get_json(route)["presets"]:
        comfy.post_json(f"{route}/delete", {"name": preset["name"]})


def presets_of(page: Frontend) -> Locator:
    choose_for_all(page, "Stack presets")
    return page.page.get_by_role("dialog", name="Stack presets")


def load(page: Frontend, *rows: list[Any]) -> None:
    page.load(saved_stack(*rows))
    stack(page).wait_for()


def test_rows_are_saved_by_keys_and_loaded_into_another_stack(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    load(page, INK, WASH)
    dialog = presets_of(page)
    page.page.keyboard.type("My look")
    compose_and_enter(page, " \u58a8")
    assert dialog.get_by_text("is saved.").count() == 0
    page.page.keyboard.press("Enter")
    dialog.get_by_text("My look is saved.").wait_for()
    dialog.get_by_text("2 LoRAs: ink, wash").wait_for()
    page.page.keyboard.press("Escape")

    load(page, [True, "detail.safetensors", 1, 1, ""])
    presets_of(page).get_by_role("button", name="Add the rows of My look").click()
    dialog.wait_for(state="detached")
    added = [True, "detail.safetensors", 1, 1, "", *INK, *WASH]
    assert saved_values(page) == added
    presets_of(page).get_by_role("button", name="Load My look").click()
    dialog.wait_for(state="detached")
    assert saved_values(page) == [*INK, *WASH]
    page.settle()
    page.focus_canvas(850, 750)
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function(
        "(count) => app.rootGraph.serialize().nodes[0].widgets_values"
        ".filter((value) => value !== null).length === count",
        arg=len(added),
    )


def test_a_preset_of_that_name_is_replaced_and_a_deleted_one_comes_back(
    open_page: OpenPage, some_loras: Path
) -> None:
    page = open_page()
    load(page, INK)
    dialog = presets_of(page)
    assert dialog.get_by_role("button", name="Save", exact=True).is_disabled()
    for _ in range(2):
        dialog.get_by_label("Name of these rows").fill("<b>look</b>")
        dialog.locator(".satchel-main").click()
        dialog.get_by_text("<b>look</b> is saved.").wait_for()
    assert dialog.get_by_role("listitem").count() == 1
    dialog.get_by_label("Name of these rows").fill("<b>look</b>")
    dialog.get_by_text("saving replaces it").wait_for()

    dialog.get_by_role("button", name="Delete <b>look</b>").click()
    dialog.get_by_text("No presets yet.").wait_for()
    page.page.keyboard.press("Enter")  # the focus is on Undo
    dialog.get_by_role("button", name="Delete <b>look</b>").wait_for()
    page.page.keyboard.press("Escape")


def test_a_preset_is_shared_as_a_file_and_opened_from_one(
    open_page: OpenPage, some_loras: Path, tmp_path: Path
) -> None:
    page = open_page()
    load(page, INK)
    dialog = presets_of(page)
    dialog.get_by_label("Name of these rows").fill("a/b look")
    dialog.locator(".satchel-main").click()
    with page.page.expect_download() as download:
        dialog.get_by_role("button", name="Save a/b look as a file").click()
    assert download.value.suggested_filename == "a_b look.stack.json"
    content = json.loads(download.value.path().read_text("utf-8"))
    content["presets"][0]["name"] = "theirs"
    (tmp_path / "theirs.json").write_text(json.dumps(content))
    (tmp_path / "broken.json").write_text("{")

    dialog.locator("input[type=file]").set_input_files(tmp_path / "theirs.json")
    dialog.get_by_text("Added: theirs.").wait_for()
    assert dialog.get_by_role("listitem").count() == 2
    dialog.locator("input[type=file]").set_input_files(tmp_path / "broken.json")
    dialog.get_by_role("alert").get_by_text("broken.json is no file of stack presets.").wait_for()
    page.page.keyboard.press("Escape")
