"""Choosing LoRA files: search, favourites, what was chosen last, and what is missing."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.models import write_safetensors

from .stack_rows import (
    NAMES,
    choose_for_row,
    compose_and_enter,
    new_stack,
    press_add,
    saved_stack,
    saved_values,
)

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend
    from satchel_tools.comfyui import ComfyUI

    OpenPage = Callable[..., Frontend]

log = logging.getLogger(__name__)

XL_MODULES = {"lora_unet_input_blocks_8_1_transformer_blocks_9_attn1_to_q": (1280, 1280)}
FLUX_MODULES = {"lora_unet_double_blocks_0_img_attn_qkv": (9216, 3072)}
ONE_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)
"""A PNG."""


def picker(page: Frontend) -> Locator:
    return page.page.get_by_role("dialog", name="Choose a LoRA")


def files(page: Frontend) -> list[str]:
    return picker(page).locator(".satchel-option .satchel-file").all_inner_texts()


@pytest.fixture
def fresh_lists(open_page: OpenPage) -> Callable[..., Frontend]:
    """A page that has no favourites and remembers no choice."""

    def open_one(renderer: str = "classic") -> Frontend:
        page = open_page(renderer)
        page.run("() => localStorage.removeItem('Satchel.FavouriteLoras')")
        page.run("() => localStorage.removeItem('Satchel.RecentLoras')")
        return page

    return open_one


def test_a_search_by_keys_adds_rows_and_shift_adds_another(
    fresh_lists: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = fresh_lists(renderer)
    node = new_stack(page)
    press_add(page, node)
    press = page.page.keyboard.press

    page.page.keyboard.type("wash sty")
    compose_and_enter(page, "l")
    assert picker(page).get_by_role("option").count() == 1
    press("Shift+Enter")
    picker(page).get_by_text("wash.safetensors added.").wait_for()
    press("Control+a")
    press("Delete")
    press("ArrowDown")
    press("Enter")
    picker(page).wait_for(state="detached")

    assert saved_values(page, node)[1::5] == ["style/wash.safetensors", NAMES[1]]


def test_favourites_and_recent_ones_have_shelves_of_their_own(
    fresh_lists: OpenPage, some_loras: Path
) -> None:
    page = fresh_lists()
    node = new_stack(page)
    press_add(page, node)
    options = picker(page).get_by_role("option")
    picker(page).get_by_role("button", name="Favourites", exact=True).click()
    picker(page).get_by_text("No favourites yet").wait_for()
    picker(page).get_by_role("button", name="All").click()
    options.filter(has_text="ink").locator(".satchel-star").click()
    picker(page).get_by_role("button", name="Favourites", exact=True).click()
    assert files(page) == ["ink.safetensors"]
    picker(page).get_by_role("button", name="All").click()
    options.filter(has_text="detail").click()

    press_add(page, node)
    picker(page).get_by_role("button", name="Recent").click()
    assert files(page) == ["detail.safetensors"]
    page.page.keyboard.press("Escape")
    assert saved_values(page, node)[1::5] == ["detail.safetensors"]


def test_a_missing_file_is_told_and_can_be_replaced_or_looked_for(
    fresh_lists: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = fresh_lists(renderer)
    page.load(saved_stack([False, "gone/ghost.safetensors", 0.5, 0.25, "M00=1"]))
    choose_for_row(page, 1, "Choose file")
    alert = picker(page).get_by_role("alert")
    assert "gone/ghost.safetensors is in none of the LoRA folders." in alert.inner_text()

    alert.get_by_role("button", name="Check models").click()
    plan = page.page.get_by_role("dialog", name="Models of this workflow")
    plan.get_by_text("Not found anywhere").wait_for()
    plan.get_by_role("button", name="Close").last.click()
    plan.wait_for(state="detached")

    choose_for_row(page, 1, "Choose file")
    picker(page).get_by_role("option", name="ink.safetensors").click()
    assert saved_values(page) == [False, "ink.safetensors", 0.5, 0.25, "M00=1"]


def sdxl_graph(*row: Any) -> dict[str, Any]:
    """A stack whose model comes from a checkpoint of SDXL."""
    graph = saved_stack(*([list(row)] if row else []))
    stack = graph["nodes"][0]
    stack["inputs"] = [{"name": "model", "type": "MODEL", "link": 1}]
    loader = {
        "id": 4, "type": "CheckpointLoaderSimple", "pos": [-260, 100], "size": [300, 100],
        "flags": {}, "order": 0, "mode": 0, "inputs": [], "properties": {},
        "outputs": [{"name": "MODEL", "type": "MODEL", "links": [1]}],
        "widgets_values": ["xl.safetensors"],
    }  # fmt: skip
    graph["nodes"].append(loader)
    graph["links"] = [[1, 4, 0, stack["id"], 0, "MODEL"]]
    return {**graph, "last_link_id": 1}


@pytest.fixture
def known_loras(comfy: ComfyUI, loras: Path) -> Iterator[Path]:
    """One LoRA for SDXL with words and a picture, one for Flux, one that tells nothing."""
    for name, modules, words in (
        ("style/ink.safetensors", XL_MODULES, "brush strokes"),
        ("flux.safetensors", FLUX_MODULES, ""),
    ):
        shapes = {
            f"{module}.lora_{side}.weight": shape
            for module, (out, inputs) in modules.items()
            for side, shape in (("down", (1, inputs)), ("up", (out, 1)))
        }
        metadata = {"modelspec.trigger_phrase": words} if words else None
        write_safetensors(loras / name, shapes, dtype="F16", metadata=metadata)
    (loras / "unknown.pt").write_bytes(b"x")
    (loras / "style/ink.preview.png").write_bytes(base64.b64decode(ONE_PIXEL))
    checkpoint = comfy.base / "models" / "checkpoints" / "xl.safetensors"
    weight = "model.diffusion_model.input_blocks.4.1.transformer_blocks.1.attn2.to_k.weight"
    write_safetensors(checkpoint, {weight: (640, 2048)}, dtype="F16")
    yield loras
    checkpoint.unlink()


def test_the_connected_model_sets_which_loras_are_shown_and_all_are_a_click_away(
    fresh_lists: OpenPage, known_loras: Path, renderer: str
) -> None:
    page = fresh_lists(renderer)
    page.load(sdxl_graph())
    press_add(page, 5)
    picker(page).get_by_text("2 of 3 LoRAs, 1 for other models are hidden.").wait_for()
    assert files(page) == ["ink.safetensors", "unknown.pt"]
    assert picker(page).get_by_label("Base model").input_value() == "family:sdxl"

    picker(page).get_by_role("button", name="Show all").click()
    assert files(page) == ["flux.safetensors", "ink.safetensors", "unknown.pt"]
    picker(page).get_by_label("Base model").select_option(label="SDXL (1)")
    page.page.keyboard.press("Escape")

    # What is known by now is there from the beginning.
    press_add(page, 5)
    assert files(page) == ["ink.safetensors", "unknown.pt"]
    page.page.keyboard.press("Enter")
    assert saved_values(page)[1] == "style/ink.safetensors"


def test_pictures_and_trigger_words_are_shown_and_words_can_be_searched(
    fresh_lists: OpenPage, known_loras: Path
) -> None:
    page = fresh_lists()
    node = new_stack(page)
    press_add(page, node)
    option = picker(page).get_by_role("option", name="ink.safetensors")
    option.get_by_text("brush strokes").wait_for()
    picker(page).locator(".satchel-option img").wait_for()
    loaded = "() => document.querySelector('.satchel-option img')?.naturalWidth === 1"
    page.page.wait_for_function(loaded)

    page.page.keyboard.type("strokes")
    assert files(page) == ["ink.safetensors"]
    details = picker(page).get_by_role("complementary")
    details.get_by_text("Trigger words: brush strokes").wait_for()
    details.locator("img").wait_for()
    page.page.keyboard.press("Escape")


def test_names_alone_are_enough_when_the_server_tells_nothing(
    fresh_lists: OpenPage, known_loras: Path
) -> None:
    page = fresh_lists()
    node = new_stack(page)
    page.page.route("**/satchel/v1/loras", lambda route: route.abort())
    press_add(page, node)
    picker(page).get_by_text("Base models and pictures are not known").wait_for()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Enter")
    page.page.unroute("**/satchel/v1/loras")
    page.errors.clear()  # the browser's own word on the request

    assert saved_values(page, node)[1] == "style/ink.safetensors"


def test_of_twenty_thousand_files_only_those_in_sight_are_drawn(
    fresh_lists: OpenPage, some_loras: Path
) -> None:
    page = fresh_lists()
    node = new_stack(page)
    page.run(
        """() => {
          // The list that every row's combo box shares with the picker.
          const probe = LiteGraph.createNode('SatchelLoraStack')
          probe.configure({ ...probe.serialize(), widgets_values: [true, 'x', 1, 1, ''] })
          const { values } = probe.widgets.find((widget) => widget.name === 'lora_1').options
          for (let at = 0; at < 20000; at += 1) values.push(`many/folder/lora-${at}.safetensors`)
          window.manyLoras = values
        }"""
    )
    try:
        press_add(page, node)
        picker(page).get_by_text("20003 of 20003 LoRAs").wait_for()
        assert picker(page).get_by_role("option").count() < 40
        page.page.keyboard.type("lora-19999")
        assert files(page) == ["lora-19999.safetensors"]
        page.page.keyboard.press("Escape")
        opened = page.run(
            """async () => {
              const { openLoraPicker } = await import('/extensions/SATCHEL/dialogs/lora_picker.js')
              const before = performance.now()
              openLoraPicker({ names: window.manyLoras, current: '', many: false })
              await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
              const painted = performance.now() - before
              document.querySelector('.satchel-picker .satchel-corner').click()
              return painted
            }""".replace(
                "SATCHEL",
                page.run(
                    "() => performance.getEntriesByType('resource').map((entry) => entry.name)"
                    ".find((name) => name.endsWith('/dialogs/lora_picker.js')).split('/').at(-3)"
                ),
            )
        )
        log.info("20,003 LoRAs: first paint after %.0f ms", opened)
    finally:
        page.run("() => window.manyLoras.splice(3)")
