"""Choosing LoRA files: search, favourites, what was chosen last, and what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .stack_rows import choose_for_row, new_stack, press_add, saved_stack, saved_values
from .test_lora_rows import NAMES, some_loras

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

__all__ = ["some_loras"]
log = logging.getLogger(__name__)


def picker(page: Frontend) -> Locator:
    return page.page.get_by_role("dialog", name="Choose a LoRA")


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
    assert options.all_inner_texts() == ["ink.safetensors"]
    picker(page).get_by_role("button", name="All").click()
    options.filter(has_text="detail").click()

    press_add(page, node)
    picker(page).get_by_role("button", name="Recent").click()
    assert options.all_inner_texts() == ["detail.safetensors"]
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
        assert picker(page).get_by_role("option").all_inner_texts() == [
            "many/folder/lora-19999.safetensors"
        ]
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
