"""What can be done with all rows of a stack: switch, scale, copy and paste."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .test_lora_rows import MANAGE, new_stack, saved_stack, saved_values, some_loras

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

__all__ = ["some_loras"]
log = logging.getLogger(__name__)

FIRST = [True, "ink.safetensors", 0.8, 0.4, "IN04=0.5"]
LONG = [False, "style/wash.safetensors", 1, -0.5, "", 0, 0.4, "skip"]


def wait_for_rows(page: Frontend, node: int, count: int) -> None:
    page.page.wait_for_function(
        "([id, count]) => app.rootGraph.getNodeById(id).widgets"
        ".filter(({ name }) => name.startsWith('lora_')).length === count",
        arg=[node, count],
    )


def test_rows_are_copied_to_another_stack_with_all_that_they_have(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(FIRST, LONG))
    page.click_widget(5, MANAGE)
    page.choose("Copy all rows")
    page.page.get_by_text("Rows copied").first.wait_for()
    page.load({"nodes": [], "links": [], "version": 0.4})
    other = new_stack(page)

    page.click_widget(other, MANAGE)
    page.choose("Paste rows")

    wait_for_rows(page, other, 2)
    assert saved_values(page, other) == [*FIRST, *LONG]


def test_text_with_tags_is_pasted_as_rows(open_page: OpenPage, some_loras: Path) -> None:
    page = open_page()
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    try:
        node = new_stack(page)
        page.run(
            "() => navigator.clipboard.writeText("
            "'a cat <lora:wash:0.5>, <lora:ghost:1:0> <lora:ink:1:step=2-5>')"
        )
        page.click_widget(node, MANAGE)
        page.choose("Paste rows")
        wait_for_rows(page, node, 2)
        page.page.get_by_text("<lora:ink:1:step=2-5>").first.wait_for()

        assert saved_values(page, node) == [
            *[True, "style/wash.safetensors", 0.5, 0.5, ""],
            *[True, "ghost", 1, 0, ""],
        ]
        page.click_widget(node, MANAGE)
        page.choose("Copy all rows")
        page.page.get_by_text("Rows copied").first.wait_for()
        copied = page.run("() => navigator.clipboard.readText()")
        assert copied == "<lora:style/wash:0.5> <lora:ghost:1:0>"
    finally:
        page.page.context.clear_permissions()


def test_all_rows_are_switched_and_scaled_at_once(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(FIRST, LONG))

    page.click_widget(5, MANAGE)
    page.choose("Turn all on or off")
    assert [saved_values(page)[at] for at in (0, 5)] == [False, False]
    page.click_widget(5, MANAGE)
    page.choose("Turn all on or off")
    assert [saved_values(page)[at] for at in (0, 5)] == [True, True]

    page.click_widget(5, MANAGE)
    page.choose("Scale all strengths")
    page.choose("times 0.5")

    values = saved_values(page)
    assert values == [True, *FIRST[1:2], 0.4, 0.2, *FIRST[4:], True, LONG[1], 0.5, -0.25, *LONG[4:]]


def test_fifty_rows_are_drawn_moved_and_kept(
    open_page: OpenPage, some_loras: Path, renderer: str
) -> None:
    page = open_page(renderer)
    page.load(saved_stack(*[FIRST] * 50))

    frame_ms = page.run(
        """async () => {
          const times = []
          let last = performance.now()
          for (let at = 0; at < 60; at += 1) {
            app.canvas.ds.offset[1] -= 10
            app.canvas.setDirty(true, true)
            await new Promise(requestAnimationFrame)
            times.push(performance.now() - last)
            last = performance.now()
          }
          return times.sort((a, b) => a - b)[30]
        }"""
    )

    log.info("50 rows, %s: median frame %.1f ms", renderer, frame_ms)
    assert saved_values(page) == FIRST * 50
