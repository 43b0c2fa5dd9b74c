"""The block editor, by mouse and by keys, in both renderers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.models import write_safetensors

from .stack_rows import inputs_of, row, saved_stack, saved_values

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

ATTENTION = "transformer_blocks_0_attn1_to_q"
SDXL = {
    f"lora_unet_down_blocks_1_attentions_0_{ATTENTION}": (640, 640),
    f"lora_unet_down_blocks_2_attentions_1_{ATTENTION}": (1280, 1280),
    f"lora_unet_up_blocks_0_attentions_1_{ATTENTION}": (1280, 1280),
    "lora_te2_text_model_encoder_layers_0_mlp_fc1": (5120, 1280),
}
"""Modules that only SDXL has, and their sizes."""
HALF_ONE = b"\x00\x3c"
"""1 as a 16-bit float."""


@pytest.fixture
def sdxl_lora(loras: Path) -> str:
    shapes = {}
    for base, (out, inputs) in SDXL.items():
        shapes[f"{base}.lora_down.weight"] = (1, inputs)
        shapes[f"{base}.lora_up.weight"] = (out, 1)
    write_safetensors(loras / "style" / "ink.safetensors", shapes, dtype="F16")
    return "style/ink.safetensors"


def open_editor(page: Frontend, node: int = 5) -> Locator:
    row(page, 1, node).get_by_role("button", name="Block weights of ink").click()
    dialog = page.page.get_by_role("dialog", name="Block weights of ink.safetensors")
    dialog.get_by_role("slider").first.wait_for()
    return dialog


def bar(dialog: Locator, name: str) -> Locator:
    return dialog.get_by_role("slider", name=f"{name},")


def text_of(dialog: Locator) -> Locator:
    return dialog.get_by_role("textbox", name="As text")


def expect_text(page: Frontend, text: str) -> None:
    page.page.wait_for_function(
        "(text) => document.querySelector('.satchel-text').value === text", arg=text
    )


def drag(page: Frontend, dialog: Locator, *points: tuple[str, float], shift: bool = False) -> None:
    """Moves over bars with the button held; heights are shares of a bar from its foot."""
    mouse = page.page.mouse
    if shift:
        page.page.keyboard.down("Shift")
    for at, (name, share) in enumerate(points):
        box = bar(dialog, name).locator(".satchel-track").bounding_box()
        assert box is not None
        mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * (1 - share))
        if at == 0:
            mouse.down()
    mouse.up()
    if shift:
        page.page.keyboard.up("Shift")


def test_painted_weights_become_the_rows_text_and_undo_takes_them_back(
    open_page: OpenPage, sdxl_lora: str, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack([True, sdxl_lora, 1, 1, ""]))
    dialog = open_editor(page)
    assert "SDXL, which this LoRA was trained for." in dialog.inner_text()
    assert bar(dialog, "IN04").get_attribute("aria-valuetext") == "1, 1 module in this LoRA"
    assert bar(dialog, "IN05").get_attribute("aria-valuetext") == "1, not in this LoRA"

    drag(page, dialog, ("IN04", 0.5), ("IN06", 0.5))
    expect_text(page, "IN04-06=0.5")
    drag(page, dialog, ("OUT01", 0.0))
    expect_text(page, "IN04-06=0.5, OUT01=0")
    drag(page, dialog, ("OUT03", 0.25), shift=True)
    expect_text(page, "IN04-06=0.5, OUT01-03=0.25")
    dialog.get_by_role("button", name="Apply").click()
    dialog.wait_for(state="detached")

    text = "IN04-06=0.5, OUT01-03=0.25"
    assert saved_values(page) == [True, sdxl_lora, 1, 1, text]
    assert inputs_of(page)["blocks_1"] == text
    page.focus_canvas(850, 750)
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function("() => app.rootGraph.serialize().nodes[0].widgets_values[4] === ''")


def test_the_editor_works_by_keys_alone(open_page: OpenPage, sdxl_lora: str, renderer: str) -> None:
    page = open_page(renderer)
    page.load(saved_stack([True, sdxl_lora, 1, 1, "IN04=0.5"]))
    dialog = open_editor(page)
    press = page.page.keyboard.press
    bar(dialog, "IN00").focus()
    for key in ("Home", "Shift+ArrowRight", "ArrowRight", "ArrowDown", "PageDown", "Tab", "Tab"):
        press(key)
    label = (
        "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.title"
    )
    assert "Middle" in page.run(label)
    press("ArrowUp")
    expect_text(page, "IN00-01=0, IN02=0.7, IN04=0.5, M00=1.05")
    assert bar(dialog, "M00").get_attribute("aria-valuenow") == "1.05"
    assert bar(dialog, "M00").get_attribute("aria-valuemax") == "2"

    press("Escape")

    dialog.wait_for(state="detached")
    assert saved_values(page)[4] == "IN04=0.5"


def test_text_presets_random_and_invert_move_the_bars(open_page: OpenPage, sdxl_lora: str) -> None:
    page = open_page()
    page.load(saved_stack([True, sdxl_lora, 1, 1, ""]))
    dialog = open_editor(page)

    text_of(dialog).fill("IN04=0.25")
    page.page.wait_for_function(
        """() => document.querySelector('[aria-label^="IN04,"]').ariaValueNow === '0.25'"""
    )
    text_of(dialog).fill("IN44=0.25")
    dialog.get_by_role("alert").get_by_text("has no block slot IN44").wait_for()
    assert dialog.get_by_role("button", name="Apply").is_disabled()

    dialog.get_by_label("Preset").select_option("EARLY")
    page.page.wait_for_function(
        """() => document.querySelector('[aria-label^="OUT01,"]').ariaValueNow === '0'"""
    )
    assert text_of(dialog).input_value() == "EARLY"
    dialog.get_by_role("button", name="Invert").click()
    expect_text(page, "BASE?=0, IN00-08=0, OTHER=0")

    dialog.get_by_label("Seed").fill("7")
    dialog.get_by_label("Seed").press("Enter")
    expect_text(page, "blocks=random(0,1), seed=7")
    first = bar(dialog, "IN04").get_attribute("aria-valuenow")
    dialog.get_by_role("button", name="Random").click()
    page.page.wait_for_function(
        """(first) => document.querySelector('[aria-label^="IN04,"]').ariaValueNow !== first""",
        arg=first,
    )
    dialog.get_by_role("button", name="Cancel").click()


def test_a_curve_goes_from_one_slot_to_another_by_keys(
    open_page: OpenPage, sdxl_lora: str, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack([True, sdxl_lora, 1, 1, "IN00=0"]))
    dialog = open_editor(page)
    assert dialog.get_by_label("Curve from").evaluate("(s) => s.selectedOptions[0].text") == "IN00"
    dialog.get_by_label("Curve to").select_option("IN04")
    dialog.get_by_label("Curve to").focus()

    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")

    expect_text(page, "IN00=0, IN01=0.25, IN02=0.5, IN03=0.75")
    dialog.get_by_role("button", name="Cosine").click()
    expect_text(page, "IN00=0, IN01=0.15, IN02=0.5, IN03=0.85")
    page.page.keyboard.press("Escape")


def test_how_strong_the_lora_is_in_each_slot_is_shown_and_said(
    open_page: OpenPage, loras: Path
) -> None:
    only_sdxl = "transformer_blocks_1_attn1_to_q"
    shapes = {
        f"lora_unet_input_blocks_4_1_{only_sdxl}.diff": (640, 640),
        f"lora_unet_middle_block_1_{only_sdxl}.diff": (1280, 1280),
    }
    write_safetensors(loras / "style/ink.safetensors", shapes, dtype="F16", element=HALF_ONE)
    page = open_page()
    page.load(saved_stack([True, "style/ink.safetensors", 1, 1, ""]))
    dialog = open_editor(page)
    dialog.get_by_text("Behind a bar: how strong this LoRA is").wait_for()

    said = {
        name: bar(dialog, name).get_attribute("aria-valuetext") or ""
        for name in ("M00", "IN04", "IN05")
    }

    assert said["M00"].endswith("100 percent of its greatest strength here")
    assert said["IN04"].endswith("50 percent of its greatest strength here")
    assert "percent" not in said["IN05"]
    heights = {
        name: bar(dialog, name).locator("b").evaluate("(b) => b.offsetHeight") for name in said
    }
    assert heights["M00"] == 2 * heights["IN04"] > 0
    assert heights["IN05"] == 0
    page.page.keyboard.press("Escape")


def test_closing_the_editor_ends_the_reading_of_the_file(
    open_page: OpenPage, sdxl_lora: str
) -> None:
    page = open_page()
    page.load(saved_stack([True, sdxl_lora, 1, 1, ""]))
    # A job that never ends, as one on a slow disk.
    page.page.route("**/satchel/v1/block-norms", lambda route: route.fulfill(json={"job": "slow"}))
    page.page.route(
        "**/satchel/v1/jobs/slow",
        lambda route: route.fulfill(json={"id": "slow", "state": "running"}),
    )
    page.page.route(
        "**/satchel/v1/jobs/slow/cancel", lambda route: route.fulfill(json={"state": "running"})
    )
    dialog = open_editor(page)
    dialog.get_by_text("Reading how strong this LoRA is").wait_for()
    with page.page.expect_request("**/satchel/v1/jobs/slow/cancel"):
        page.page.keyboard.press("Escape")
    page.page.unroute("**/satchel/v1/jobs/slow")
    page.page.route(
        "**/satchel/v1/jobs/slow",
        lambda route: route.fulfill(json={"id": "slow", "state": "cancelled"}),
    )
    with page.page.expect_response("**/satchel/v1/jobs/slow"):
        pass
    page.page.unroute_all()


def test_the_block_weights_node_opens_the_editor_with_all_that_it_says(
    open_page: OpenPage, sdxl_lora: str, renderer: str
) -> None:
    page = open_page(renderer)
    page.run(
        """() => {
          const node = LiteGraph.createNode('SatchelBlockWeights')
          node.pos = [100, 100]
          app.canvas.graph.add(node)
          const set = { architecture: 'sdxl', preset: 'EARLY', mid: 0.5, blocks: 'IN04=0.25' }
          for (const widget of node.widgets)
            if (widget.name in set) widget.value = set[widget.name]
        }"""
    )
    page.settle()
    node = page.run("() => Number(app.rootGraph.nodes[0].id)")
    if renderer == "nodes2":  # which hides one of the node's widgets, so that counting fails
        page.page.get_by_role("button", name="Edit block weights").click()
    else:
        page.click_widget(node, "Edit block weights")
    dialog = page.page.get_by_role("dialog", name="Block weights")
    dialog.get_by_role("slider").first.wait_for()
    assert bar(dialog, "IN04").get_attribute("aria-valuenow") == "0.25"
    assert bar(dialog, "M00").get_attribute("aria-valuenow") == "0.5"
    assert bar(dialog, "OUT04").get_attribute("aria-valuenow") == "0"

    bar(dialog, "OUT04").focus()
    page.page.keyboard.press("End")
    expect_text(page, "IN04=0.25, M00=0.5, OUT00-03=0, OUT05-08=0")
    dialog.get_by_role("button", name="Apply").click()
    dialog.wait_for(state="detached")

    inputs = inputs_of(page, node)
    assert (inputs["preset"], inputs["mid"]) == ("None", 1)
    assert inputs["blocks"] == "IN04=0.25, M00=0.5, OUT00-03=0, OUT05-08=0"
