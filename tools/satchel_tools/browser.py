"""The real ComfyUI frontend in a real Chromium, for the browser tests and the screenshots.

with chromium(path) as browser, comfy:
    page = open_frontend(browser, comfy, vue_nodes=True)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    sync_playwright,
)

from .base_directory import PACK_NAME
from .comfyui import ComfyUI

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)

OUR_SCRIPTS = f"/extensions/{PACK_NAME}/"
NEVER_ON_THE_CONSOLE = (
    *("[ComfyUI Deprecated]", "[ComfyUI Notice]", "[DEPRECATED]"),
    *("Content Security Policy", PACK_NAME, "Satchel."),
)
"""Marks of complaints that are about us, whoever writes them."""
COMFY_REGISTRY = "https://api.comfy.org/"
"""Which the frontend itself asks about nodes that are missing."""

# Client coordinates of a spot on a widget that the classic canvas draws; `part` is a share of the
# node's width.
_WIDGET_POINT = """([id, name, part]) => {
  const node = app.canvas.graph.getNodeById(id)
  const widget = node.widgets.find((candidate) => candidate.name === name)
  return app.canvasPosToClientPos([
    node.pos[0] + node.size[0] * part,
    node.pos[1] + widget.last_y + LiteGraph.NODE_WIDGET_HEIGHT / 2,
  ])
}"""

_DESCRIPTION = """() => {
  const named = (element) => element && [
    element.tagName.toLowerCase(), element.id && `#${element.id}`, element.getAttribute('class'),
  ].filter(Boolean).join(' ')
  const texts = (selector) => [...document.querySelectorAll(selector)].map(
    (element) => `${named(element)}: ${(element.innerText || '').slice(0, 400)}`)
  return {
    address: location.href,
    focused: named(document.activeElement),
    'in the middle': named(document.elementFromPoint(innerWidth / 2, innerHeight / 2)),
    'sidebar': window.app?.extensionManager?.sidebarTab?.activeSidebarTabId ?? null,
    open: texts('dialog[open], [role="dialog"], .litecontextmenu, .graphdialog, .p-blockui-mask'),
    toasts: texts('.p-toast-message'),
    nodes: window.app?.rootGraph?.nodes.map((node) => `${node.id} ${node.type}`) ?? null,
    selected: [...window.app?.canvas?.selectedItems ?? []].map((item) => item.id),
  }
}"""

# The host's mask over the page is taken away when its fading ends. Where two of them overlap, as on
# a busy machine, one stays for ever; without an animation it is taken away at once.
_NO_FADING = """document.addEventListener('DOMContentLoaded', () => {
  const style = document.createElement('style')
  style.textContent = '.p-blockui-mask { animation: none !important }'
  document.head.append(style)
})"""


@contextmanager
def chromium(executable: Path) -> Iterator[Browser]:
    """A headless Chromium that talks to loopback only when told so by a page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(executable), headless=True, args=list(FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


class Frontend:
    """One page. What users do is done by mouse and keys; only state is read by script.

    `errors` fills with what no page of ours may do: throw, complain on the console, import what
    the frontend calls deprecated or internal, break the server's content policy, ask another host.
    """

    def __init__(self, page: Page, *, vue_nodes: bool) -> None:
        self.page = page
        self.vue_nodes = vue_nodes
        self.errors: list[str] = []
        self._url = ""
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heard)
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        where = message.location.get("url", "")
        # The frontend itself asks for the sizes of the models in its templates.
        is_hosts = "/assets/" in where and "Content Security Policy" in message.text
        marked = any(mark in message.text for mark in NEVER_ON_THE_CONSOLE)
        # It looks for a help page in the user's language before it takes the English one.
        ours = OUR_SCRIPTS in where and f"{OUR_SCRIPTS}docs/" not in where
        if ours or (marked and not is_hosts):
            self.errors.append(f"console {message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        is_remote = request.url.startswith(("http:", "https:", "ws:", "wss:"))
        allowed = (f"{self._url}/", f"{self._url.replace('http', 'ws', 1)}/", COMFY_REGISTRY)
        if is_remote and self._url and not request.url.startswith(allowed):
            self.errors.append(f"asked another host: {request.url}")

    def open(self, url: str) -> None:
        """Loads the frontend and waits until its canvas takes input."""
        self._url = url
        self.page.goto(url)
        self.page.wait_for_function(
            "() => window.app?.vueAppReady && window.app.isGraphReady", timeout=60_000
        )
        self.page.wait_for_function("() => !document.querySelector('#splash-loader')")

    def run(self, script: str, argument: Any = None) -> Any:
        """Evaluates a script in the page, where `app`, `graph` and `LiteGraph` are globals."""
        return self.page.evaluate(script, argument)

    def load(self, graph: dict[str, Any], name: str = "test") -> None:
        """Opens a graph the way a dropped file does, and waits until it is there."""
        self.run("([graph, name]) => app.loadGraphData(graph, true, true, name)", [graph, name])
        self.reset_view()

    def reset_view(self) -> None:
        """Makes the graph's origin visible at a scale that leaves room around a node or two."""
        self.run(
            "() => { app.canvas.ds.offset = [300, 50]; app.canvas.ds.scale = 0.75; "
            "app.canvas.setDirty(true, true) }"
        )
        self.settle()

    def settle(self) -> None:
        """Waits for two drawn frames, after which widgets have their places."""
        self.run(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def click_widget(self, node: int, name: str, part: float = 0.5) -> None:
        """Clicks a widget; `part` is where, from left (0) to right (1), on the classic canvas."""
        if self.vue_nodes:
            self.vue_widget(node, name).click()
        else:
            self.settle()
            x, y = self.run(_WIDGET_POINT, [node, name, part])
            self.page.mouse.click(x, y)
        self.settle()

    def type_into_widget(self, node: int, name: str, text: str) -> None:
        """Replaces a number or a text: in the field of Nodes 2.0, or in the classic prompt."""
        self.click_widget(node, name)
        if self.vue_nodes:
            field = self.vue_field(node, name)
            field.fill(text)
            field.press("Enter")
            field.blur()
        else:
            field = self.page.locator(".graphdialog .value")
            field.fill(text)
            field.press("Enter")
        self.settle()

    def focus_canvas(self, x: int = 250, y: int = 600) -> None:
        """Clicks an empty spot of the canvas when nothing covers it: keys then act on the graph."""
        self.page.wait_for_function(
            "([x, y]) => document.elementFromPoint(x, y) === app.canvas.canvas", arg=[x, y]
        )
        self.page.mouse.click(x, y)
        self.page.wait_for_function("() => document.activeElement === app.canvas.canvas")
        self.settle()

    def describe(self) -> str:
        """What a reader of a failed test's report wants to know of the page; never fails."""
        try:
            return json.dumps(self.run(_DESCRIPTION), indent=1, ensure_ascii=False)
        except Error as error:
            return f"The page does not tell: {error.message}"

    def reset(self) -> bool:
        """An empty graph, the server's present files, no panels; false if something stays open."""
        self.run(
            """async () => {
              app.extensionManager.toast.removeAll()
              const tabs = app.extensionManager.sidebarTab
              if (tabs.activeSidebarTabId) tabs.toggleSidebarTab(tabs.activeSidebarTabId)
              const { setting } = app.extensionManager
              const panel = 'Comfy.RightSidePanel.IsOpen' // which the server keeps for later pages
              if (setting.get(panel)) await setting.set(panel, false)
              await app.reloadNodeDefs()
              await app.loadGraphData({ nodes: [], links: [], version: 0.4 }, true, true, 'empty')
            }"""
        )
        self.reset_view()
        return self.page.locator("dialog[open], .litecontextmenu, .graphdialog").count() == 0

    def set_palette(self, palette: str) -> None:
        """Draws the page in one of the host's palettes, such as `dark` and `light`."""
        self.run(
            """async (palette) => {
              const settings = app.extensionManager.setting
              if (settings.get('Comfy.ColorPalette') === palette) return
              await settings.set('Comfy.ColorPalette', palette)
            }""",
            palette,
        )
        self.settle()

    def vue_field(self, node: int, name: str) -> Locator:
        return self._vue_row(node, name).locator("input, textarea").first

    def vue_widget(self, node: int, name: str) -> Locator:
        """What Nodes 2.0 draws for a widget: its button, field or switch."""
        row = self._vue_row(node, name)
        switch = row.locator('[role="switch"], .p-toggleswitch')
        return switch.or_(row.locator("input:not([role]), textarea, button")).first

    def _vue_row(self, node: int, name: str) -> Locator:
        index = self.run(
            "([id, name]) => app.canvas.graph.getNodeById(id).widgets"
            ".findIndex((widget) => widget.name === name)",
            [node, name],
        )
        rows = self.page.locator(f'[data-node-id="{node}"] [data-testid="node-widget"]')
        return rows.nth(index)

    def menu(self, text: str) -> Locator:
        """An entry of the topmost canvas menu."""
        entries = self.page.locator(".litecontextmenu").last.locator(".litemenu-entry")
        return entries.filter(has_text=text).first

    def missing_models(self) -> list[str]:
        """Names that the host itself marks as missing, in its own store of them."""
        self.settle()
        names: list[str] = self.run(
            """() => {
              const vue = document.querySelector('#vue-app').__vue_app__
              const store = vue.config.globalProperties.$pinia._s.get('missingModel')
              return (store?.missingModelCandidates ?? []).map((candidate) => candidate.name)
            }"""
        )
        return sorted(names)

    def export(self) -> dict[str, Any]:
        """What the host would queue: the open graph in API format."""
        prompt: dict[str, Any] = self.run("async () => (await app.graphToPrompt()).output")
        return prompt

    def choose(self, text: str) -> None:
        self.menu(text).click()
        self.settle()


def open_frontend(
    browser: Browser,
    comfy: ComfyUI,
    *,
    vue_nodes: bool = False,
    width: int = 1280,
    height: int = 800,
    palette: str = "dark",
    locale: str = "en",
    scale: float = 1,
) -> Frontend:
    """A new page with its own storage, on a server whose first-run dialogs are switched off.

    `scale` is the number of pixels per CSS pixel.
    """
    settings = {
        "Comfy.TutorialCompleted": True,
        "Comfy.InstalledVersion": "1.47.12",
        "Comfy.VueNodes.Enabled": vue_nodes,
        "Comfy.ColorPalette": palette,
        "Comfy.Locale": locale,
        "Comfy.Workflow.Persist": False,
        "Comfy.RightSidePanel.IsOpen": False,
    }
    comfy.post_json("/settings", settings)
    context = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=scale
    )
    context.add_init_script(_NO_FADING)
    frontend = Frontend(context.new_page(), vue_nodes=vue_nodes)
    frontend.open(comfy.url)
    return frontend
