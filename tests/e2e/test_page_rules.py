"""Pages of ours keep to themselves: no other host, no complaint, nobody kept out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from satchel_tools.comfyui import ComfyUI
from support.models import write_safetensors

from .axe import violations
from .sharing import stack_graph

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]


def test_the_pages_run_under_the_content_policy_that_a_server_without_api_nodes_sets(
    comfy: ComfyUI, open_page: OpenPage
) -> None:
    # Frontend.errors fails every test that breaks it.
    page = open_page()

    policy = page.run("async () => (await fetch('/')).headers.get('content-security-policy')")

    assert "default-src 'self'" in policy
    assert "--disable-api-nodes" in comfy.command()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("() => { fetch('https://example.invalid/x').catch(() => {}) }", "Security Policy"),
        ("() => { import('/scripts/ui/settings.js') }", "[ComfyUI Deprecated]"),
        ("() => { import('/scripts/widgets.js') }", "[ComfyUI Notice]"),
        ("() => { setTimeout(() => { throw new Error('thrown by a test') }) }", "thrown by a"),
        (
            "() => { document.head.append(Object.assign(document.createElement('link'), "
            "{ rel: 'stylesheet', href: '/extensions/ComfyUI-Satchel/nothing.css' })) }",
            "404",
        ),
    ],
    ids=["other host", "deprecated import", "internal import", "exception", "missing file"],
)
def test_a_page_that_does_what_it_must_not_is_noticed(
    open_page: OpenPage, script: str, told: str
) -> None:
    page = open_page()

    with (
        page.page.expect_event("console")
        if told != "thrown by a"
        else page.page.expect_event("pageerror")
    ):
        page.run(script)
    page.settle()

    assert any(told in error for error in page.errors)
    page.errors.clear()


def test_a_picture_of_another_host_is_noticed(open_page: OpenPage) -> None:
    page = open_page()

    with page.page.expect_event("console"):
        page.run("() => { new Image().src = 'http://127.0.0.1:1/picture.png' }")
    page.settle()

    assert page.errors
    page.errors.clear()


@pytest.mark.parametrize("palette", ["dark", "light"])
def test_nobody_is_kept_out_of_the_dialogs(open_page: OpenPage, loras: Path, palette: str) -> None:
    write_safetensors(loras / "here.safetensors", seed=77)
    page = open_page(palette=palette)
    page.load(stack_graph("here.safetensors", "nowhere.safetensors"))
    found: dict[str, list[str]] = {}
    dialog = page.page.locator("dialog[open]")

    for command, ready in (("Satchel.CheckModels", "Not found anywhere"),
                           ("Satchel.Export", "unresolved")):  # fmt: skip
        page.run("(id) => { void app.extensionManager.command.execute(id) }", command)
        dialog.get_by_text(ready).first.wait_for()
        found[command] = violations(dialog)
        page.page.keyboard.press("Escape")
        dialog.wait_for(state="detached")

    assert {command: lines for command, lines in found.items() if lines} == {}


def test_what_keeps_people_out_is_found(open_page: OpenPage) -> None:
    page = open_page()
    page.run("() => document.body.insertAdjacentHTML('beforeend', "
             "'<div id=\"bad\"><button></button></div>')")  # fmt: skip

    found = violations(page.page.locator("#bad"))
    page.run("() => document.querySelector('#bad').remove()")

    assert any("button-name" in line for line in found)
