"""The page in Chinese and Japanese: what the host shows of us, and what we show ourselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from satchel_tools.comfyui import ComfyUI

from .sharing import open_menu

if TYPE_CHECKING:
    from satchel_tools.browser import Frontend

    OpenPage = Callable[..., Frontend]

LANGUAGES = {
    "zh": ("LoRA 堆叠 (Satchel)", "添加 LoRA", "模型信息", "检查模型"),
    "ja": ("LoRA スタック (Satchel)", "LoRA を追加", "モデル情報", "モデルを確認"),
}
"""Language -> title of LoRA Stack, its button, heading of Model Info's help, entry of the menu."""

_ADD_NODE = """(type) => {
  const node = LiteGraph.createNode(type)
  node.pos = [100, 100]
  app.canvas.graph.add(node)
  return node.id
}"""


@pytest.fixture
def page_in(open_page: OpenPage, comfy: ComfyUI) -> Iterator[Callable[[str], Frontend]]:
    yield lambda language: open_page("nodes2", locale=language)
    comfy.post_json("/settings", {"Comfy.Locale": "en"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_nodes_sentences_and_help_are_in_the_language_of_the_host(
    page_in: Callable[[str], Frontend], language: str
) -> None:
    page = page_in(language)
    title, button, heading, entry = LANGUAGES[language]

    stack = page.page.locator(f'[data-node-id="{page.run(_ADD_NODE, "SatchelLoraStack")}"]')
    stack.get_by_text(title).first.wait_for()
    stack.get_by_role("button", name=button).wait_for()

    page.reset()
    node = page.run(_ADD_NODE, "SatchelModelInfo")
    page.page.locator(f'[data-node-id="{node}"]').click(position={"x": 120, "y": 12})
    page.page.get_by_test_id("info-button").click()
    help_text = page.page.locator(".node-help-content")
    help_text.get_by_role("heading", name=heading).wait_for()
    page.page.wait_for_function(
        "() => document.querySelector('.node-help-content img')?.naturalWidth > 300"
    )

    open_menu(page, entry)
    page.page.locator(".satchel-dialog").wait_for()


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
