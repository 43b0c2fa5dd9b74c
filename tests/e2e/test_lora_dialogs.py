"""The dialogs about LoRAs keep nobody out, in dark and in light."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .axe import violations
from .stack_rows import choose_for_all, press_add
from .test_block_editor import open_editor, sdxl_lora
from .test_trigger_words import graph, worded

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

__all__ = ["sdxl_lora", "worded"]


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_nobody_is_kept_out_of_the_dialogs_about_loras(
    open_page: OpenPage, worded: Path, sdxl_lora: str, palette: str
) -> None:
    page = open_page(palette=palette)
    page.load(graph(sdxl_lora, "ink.safetensors"))
    found: dict[str, list[str]] = {}
    dialog = page.page.locator("dialog[open]")

    press_add(page)
    dialog.get_by_text("ink wash").first.wait_for()
    found["picker"] = violations(dialog)
    page.page.keyboard.press("Escape")
    open_editor(page)
    found["editor"] = violations(dialog)
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    choose_for_all(page, "Stack presets")
    dialog.get_by_text("No presets yet.").wait_for()
    found["presets"] = violations(dialog)
    page.page.keyboard.press("Escape")
    choose_for_all(page, "Trigger words")
    panel = page.page.locator(".satchel-words")
    panel.get_by_role("button", name="ink wash").wait_for()
    found["words"] = violations(panel)
    page.page.keyboard.press("Escape")

    assert {name: lines for name, lines in found.items() if lines} == {}
