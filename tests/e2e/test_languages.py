"""The page in Chinese and Japanese: what the host shows of us, and what we show ourselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from satchel_tools.comfyui import ComfyUI

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

LANGUAGES = {
    "zh": ("LoRA 堆叠 (Satchel)", "添加 LoRA"),
    "ja": ("LoRA スタック (Satchel)", "LoRA を追加"),
}
"""Language -> the title of LoRA Stack, and its button."""


@pytest.fixture
def page_in(open_page: OpenPage, comfy: ComfyUI) -> Iterator[Callable[[str], Frontend]]:
    page = open_page("nodes2", fresh=True)

    def speaking(language: str) -> Frontend:
        page.run("(locale) => app.extensionManager.setting.set('Comfy.Locale', locale)", language)
        page.open(comfy.url)
        page.reset()
        return page

    yield speaking
    page.run("() => app.extensionManager.setting.set('Comfy.Locale', 'en')")


@pytest.mark.parametrize("language", LANGUAGES)
def test_nodes_and_our_own_sentences_are_in_the_language_of_the_host(
    page_in: Callable[[str], Frontend], language: str
) -> None:
    page = page_in(language)
    title, button = LANGUAGES[language]

    node = page.run(
        """() => {
          const node = LiteGraph.createNode('SatchelLoraStack')
          node.pos = [100, 100]
          app.canvas.graph.add(node)
          return node.id
        }"""
    )

    drawn = page.page.locator(f'[data-node-id="{node}"]')
    drawn.get_by_text(title).first.wait_for()
    drawn.get_by_role("button", name=button).wait_for()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_and_setting_of_ours_is_translated(
    open_page: OpenPage, comfy: ComfyUI, language: str
) -> None:
    told: dict[str, Any] = comfy.get_json("/i18n")[language]
    ours = open_page("nodes2").run(
        """() => ({
          commands: app.extensionManager.command.commands.map(({ id }) => id),
          settings: Object.keys(app.ui.settings.settingsLookup),
        })"""
    )

    for topic, field in (("commands", "label"), ("settings", "name")):
        wanted = {id_.replace(".", "_") for id_ in ours[topic] if id_.startswith("Satchel.")}
        assert wanted
        assert wanted == {id_ for id_ in told[topic] if id_.startswith("Satchel_")}
        assert all(told[topic][id_][field] for id_ in wanted)


@pytest.mark.parametrize(("language", "heading"), [("zh", "模型信息"), ("ja", "モデル情報")])
def test_the_help_panel_is_in_the_language_of_the_host_with_its_picture(
    page_in: Callable[[str], Frontend], language: str, heading: str
) -> None:
    page = page_in(language)
    node = page.run(
        """() => {
          const node = LiteGraph.createNode('SatchelModelInfo')
          node.pos = [100, 100]
          app.canvas.graph.add(node)
          return node.id
        }"""
    )
    page.page.locator(f'[data-node-id="{node}"]').click(position={"x": 120, "y": 12})

    page.page.get_by_test_id("info-button").click()

    help_text = page.page.locator(".node-help-content")
    help_text.get_by_role("heading", name=heading).wait_for()
    page.page.wait_for_function(
        "() => document.querySelector('.node-help-content img')?.naturalWidth > 300"
    )
    page.page.keyboard.press("Escape")
