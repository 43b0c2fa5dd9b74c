"""The pictures of the sidebar: the open graph's models, the library, and what a search found."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from .browser import Frontend, open_frontend
from .comfyui import ComfyUI

EDGE = 320
"""Pixels of a preview's sides."""
LIBRARY: tuple[tuple[str, str, str, float], ...] = (
    ("ink-wash-lines", "Ink Wash Lines", "SDXL 1.0", 0.6),
    ("film-grain", "Film Grain", "SDXL 1.0", 0.1),
    ("harbour-light", "Harbour Light", "Flux.1 D", 0.55),
    ("paper-cut", "Paper Cut", "Illustrious", 0.95),
    ("soft-focus", "Soft Focus", "Flux.1 D", 0.35),
    ("copper-etching", "Copper Etching", "Wan Video 14B t2v", 0.05),
    ("night-market", "Night Market", "Qwen", 0.8),
    ("clay", "Clay Figures", "SDXL 1.0", 0.45),
)
"""File, title, base model, and the hue of its preview from 0 to 1."""
WIDTH = 470
"""Pixels of the sidebar in the pictures."""


def fill_library(comfy: ComfyUI, market: Any, author: Path) -> None:
    """Puts LoRAs with previews beside them on the machine, one of them with a newer version."""
    from support.marketplace import Picture
    from support.models import write_safetensors

    for number, (name, title, base, hue) in enumerate(LIBRARY):
        path = author / "library" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_safetensors(path, {"w": (4_000_000 + 900_000 * number,)}, seed=900 + number)
        folder = comfy.base / "models" / "loras" / "library"
        folder.mkdir(exist_ok=True)
        (folder / path.name).symlink_to(path)
        shown = _waves(hue, number)
        (folder / f"{name}.preview.png").write_bytes(shown)
        first = market.publish(
            path, model_name=title, base_model=base, trained_words=[title.lower()],
            pictures=[Picture(shown)], description=f"<p>{title} for everything.</p>",
        )  # fmt: skip
        if number == 0:
            newer = write_safetensors(author / "library" / "newer.safetensors", seed=999)
            market.publish(newer, model_name=title, version_name="v2.0", in_model=first)
    comfy.post_json("/satchel/v1/scan", {"look_up": True}, timeout_s=300)
    comfy.post_json("/satchel/v1/updates", {})


def take_workflow(
    browser: Browser, comfy: ComfyUI, graph: dict[str, Any], to: Path, palette: str
) -> None:
    page = _open(browser, comfy, palette, "This workflow", graph)
    page.page.locator('.satchel-side [data-tone="fetch"]').first.wait_for()
    _take(page, to)


def take_library(browser: Browser, comfy: ComfyUI, to: Path, palette: str) -> None:
    page = _open(browser, comfy, palette, "Library", None)
    page.page.locator(".satchel-library").get_by_role("searchbox").fill("library/")
    page.page.locator(".satchel-library .satchel-card img").nth(5).wait_for()
    page.page.locator(".satchel-library").get_by_role("searchbox").blur()
    _take(page, to)


def take_found(browser: Browser, comfy: ComfyUI, to: Path, palette: str) -> None:
    page = _open(browser, comfy, palette, "Find", None)
    side = page.page.locator(".satchel-side")
    side.get_by_label("Kind").select_option("loras")
    side.get_by_label("Any base model").fill("SDXL 1.0")
    side.get_by_role("button", name="Search").click()
    side.locator("[data-found] img").nth(2).wait_for()
    side.get_by_role("button", name="Film Grain").click()
    side.locator(".satchel-side-file").first.wait_for()
    _take(page, to)


def _open(
    browser: Browser, comfy: ComfyUI, palette: str, view: str, graph: dict[str, Any] | None
) -> Frontend:
    page = open_frontend(
        browser, comfy, vue_nodes=True, width=1100, height=860, palette=palette, scale=2
    )
    if graph is not None:
        ask = "(ask) => app.extensionManager.setting.set('Satchel.AskOnOpen', ask)"
        page.run(ask, False)
        page.load(graph, name="harbour at dawn")
        page.run(ask, True)
    page.run("() => app.extensionManager.toast.removeAll()")
    page.page.locator(".satchel-tab-button").click()
    page.page.locator(".satchel-side").get_by_role("tab", name=view).click()
    edge = page.page.locator(".p-splitter-gutter").first.bounding_box()
    if edge:
        page.page.mouse.move(edge["x"] + 1, 400)
        page.page.mouse.down()
        page.page.mouse.move(58 + WIDTH, 400, steps=5)
        page.page.mouse.up()
    return page


def _take(page: Frontend, to: Path) -> None:
    page.page.mouse.move(900, 700)
    page.page.wait_for_timeout(1200)
    page.run("() => app.extensionManager.toast.removeAll()")
    page.page.wait_for_timeout(300)
    page.page.screenshot(path=to, clip={"x": 0, "y": 38, "width": WIDTH + 70, "height": 760})
    page.page.context.close()


def _waves(hue: float, number: int) -> bytes:
    """A picture of its own for a preview: waves in one hue."""
    from support.pictures import png

    rows = bytearray()
    for y in range(EDGE):
        rows.append(0)  # no filter
        for x in range(EDGE):
            wave = math.sin(x / (14 + 3 * number) + 2.5 * math.sin(y / (22 + 2 * number)))
            shade = 0.35 + 0.3 * (y / EDGE) + 0.18 * wave
            rows += bytes(
                int(255 * shade * (0.55 + 0.45 * math.cos(2 * math.pi * (hue + part / 3))))
                for part in range(3)
            )
    picture: bytes = png(EDGE, EDGE, bytes(rows))
    return picture
