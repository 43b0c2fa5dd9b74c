"""Trigger words of a stack, put into a prompt where the cursor is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.models import write_safetensors

from .stack_rows import choose_for_all, saved_stack, stack

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]


@pytest.fixture
def worded(loras: Path) -> Path:
    words = {"modelspec.trigger_phrase": "ink wash, <b>brush</b>"}
    write_safetensors(loras / "ink.safetensors", metadata=words)
    write_safetensors(loras / "plain.safetensors", seed=1)
    return loras


def graph(*names: str) -> dict[str, Any]:
    """A stack, and a prompt with a harbour in it."""
    made = saved_stack(*([True, name, 1, 1, ""] for name in names))
    made["nodes"].append({
        "id": 6, "type": "CLIPTextEncode", "pos": [100, 420], "size": [360, 180], "flags": {},
        "order": 0, "mode": 0, "inputs": [], "outputs": [], "properties": {},
        "widgets_values": ["a harbour, at night"], "title": "Positive",
    })  # fmt: skip
    return {**made, "last_node_id": 6}


def words_panel(page: Frontend) -> Locator:
    choose_for_all(page, "Trigger words")
    return page.page.get_by_role("dialog", name="Trigger words")


def prompt_of(page: Frontend) -> str:
    text: str = page.export()["6"]["inputs"]["text"]
    return text


def test_a_click_puts_a_word_where_the_cursor_was_and_another_takes_it_out(
    open_page: OpenPage, worded: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(graph("ink.safetensors", "plain.safetensors", "gone.safetensors"))
    stack(page).wait_for()
    prompt = page.page.locator("textarea:visible").last
    prompt.click()
    prompt.evaluate("(text) => text.setSelectionRange(9, 9)")
    panel = words_panel(page)
    chip = panel.get_by_role("button", name="ink wash")
    chip.wait_for()
    panel.get_by_text("where the cursor is in Positive").wait_for()

    chip.click()
    assert prompt.input_value() == "a harbour, ink wash, at night"
    assert prompt_of(page) == "a harbour, ink wash, at night"
    assert chip.get_attribute("aria-pressed") == "true"
    panel.get_by_role("button", name="<b>brush</b>").click()
    assert prompt_of(page) == "a harbour, ink wash, <b>brush</b>, at night"
    chip.click()
    assert prompt_of(page) == "a harbour, <b>brush</b>, at night"
    # What was typed before is the browser's to undo, in the prompt itself.
    prompt.focus()
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function(
        "() => [...document.querySelectorAll('textarea')].at(-1).value.includes('ink wash')"
    )
    panel.get_by_role("button", name="Close trigger words").click()
    panel.wait_for(state="detached")


def test_words_are_reached_by_keys_and_the_focus_stays(open_page: OpenPage, worded: Path) -> None:
    page = open_page()
    page.load(graph("ink.safetensors"))
    stack(page).wait_for()
    page.page.locator("textarea:visible").last.click()
    page.page.keyboard.press("Control+End")
    panel = words_panel(page)
    panel.get_by_role("button", name="ink wash").wait_for()
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")

    assert prompt_of(page) == "a harbour, at night, ink wash, <b>brush</b>"
    page.page.keyboard.press("Escape")
    panel.wait_for(state="detached")


def test_without_a_prompt_a_word_is_copied(open_page: OpenPage, worded: Path) -> None:
    page = open_page()
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.load(graph("ink.safetensors"))
    stack(page).wait_for()
    panel = words_panel(page)
    panel.get_by_text("Click into a prompt first").wait_for()
    panel.get_by_role("button", name="ink wash").click()
    panel.get_by_text("ink wash is copied.").wait_for()

    assert page.run("() => navigator.clipboard.readText()") == "ink wash"
    assert prompt_of(page) == "a harbour, at night"


def test_loras_without_words_are_told(open_page: OpenPage, worded: Path) -> None:
    page = open_page()
    page.load(graph("plain.safetensors", "gone.safetensors"))
    stack(page).wait_for()
    panel = words_panel(page)
    panel.get_by_text("Nothing is known of trigger words of these LoRAs.").wait_for()
    panel.get_by_role("button", name="Close trigger words").click()

    page.load(graph("gone.safetensors"))
    stack(page).wait_for()
    words_panel(page).get_by_text("This stack has no LoRAs that are here.").wait_for()
    page.page.keyboard.press("Escape")
    panel.wait_for(state="detached")
