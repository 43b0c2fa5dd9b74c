"""Takes the pictures of the help pages and of the template browser, from the example graphs.

    python -m satchel_tools.help_pictures

Needs what `satchel_tools.screenshots` needs, and Pillow. Each graph is opened in the real frontend
on small stand-in models and run but for its sampler, so that previews show what nodes gave.
"""

from __future__ import annotations

import copy
import io
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from . import ROOT
from .browser import Frontend, chromium, open_frontend
from .chromium import provide_chromium
from .comfyui import ComfyUI
from .example_models import GRAPHS, graphs, make_example_models, make_tiny_models
from .problems import ToolError
from .running import say
from .screenshots import find_host

HELP = ROOT / "web" / "docs"
MUTED = ("KSampler", "VAEDecode", "SaveImage", "SatchelSaveImage")
NEVER = 2  # LiteGraph's mode of a muted node
MARGIN, LEFT, TOP = 16, 220, 140
THUMBNAIL = (480, 320)
BACKGROUND = "#1a1a1a"
"""About the colour of the canvas."""
RUN_TIMEOUT_S = 120.0
Area = tuple[float, float, float, float]
"""x, y, width and height in CSS pixels."""


@dataclass(frozen=True)
class Picture:
    """One picture: a node, and others of its graph that belong into its picture."""

    node: str
    graph: str
    beside: tuple[str, ...] = ()
    """Their titles."""


PICTURES = (
    Picture("SatchelLoraStack", "lora-stack"),
    Picture("SatchelLoraStackFromPrompt", "lora-stack-from-prompt", ("Prompt without tags",)),
    Picture("SatchelCreateHookLoraStack", "hook-lora-stack", ("Set CLIP Hooks",)),
    Picture("SatchelStackReport", "stack-report", ("Picture",)),
    Picture("SatchelBlockWeights", "block-weights", ("LoRA Stack (Satchel)",)),
    Picture("SatchelSearchMarketplace", "models-by-identity"),
    Picture("SatchelModelInfo", "models-by-identity", ("What the file is",)),
    Picture("SatchelResolveModel", "models-by-identity", ("Load LoRA",)),
    Picture("SatchelSaveImage", "save-image-portable"),
    Picture("SatchelTriggerWords", "trigger-words", ("Words per LoRA", "Concatenate Text")),
)


def main(names: Sequence[str]) -> int:
    """Takes the pictures of these nodes; without names, all."""
    sys.path.insert(0, str(ROOT / "tests"))
    host = find_host()
    with tempfile.TemporaryDirectory() as temporary:
        tiny, base = Path(temporary) / "tiny", Path(temporary) / "comfy"
        make_tiny_models(host, tiny)
        make_example_models(host, tiny, base / "models")
        executable = provide_chromium(Path(temporary) / "chromium.log")
        with ComfyUI(host, base) as comfy, chromium(executable) as browser:
            for picture in PICTURES:
                if not names or picture.node in names:
                    _take(browser, comfy, picture)
    return 0


def _take(browser: Browser, comfy: ComfyUI, picture: Picture) -> None:
    page = open_frontend(browser, comfy, vue_nodes=True, width=1900, height=1300, scale=1.5)
    graph = copy.deepcopy(graphs()[picture.graph])
    for node in graph["nodes"]:
        if node["type"] in MUTED:
            node["mode"] = NEVER
    page.load(graph, name=picture.graph)
    if any(node["type"].startswith("Preview") for node in graph["nodes"]):
        _run(page, comfy)
    page.run(
        "(type) => app.rootGraph.nodes.filter((n) => n.type === type)"
        ".forEach((n) => { n.mode = 0 })",
        picture.node,
    )
    page.page.wait_for_timeout(500)
    nodes = [node["id"] for node in graph["nodes"] if _belongs(page, node, picture)]
    png = _shot(page, _show(page, nodes))
    _save_png(png, HELP / f"{picture.node}.png")
    _save_thumbnail(png, GRAPHS / f"{picture.graph}.jpg")
    page.page.context.close()


def _shot(page: Frontend, area: Area) -> bytes:
    x, y, width, height = area
    return page.page.screenshot(clip={"x": x, "y": y, "width": width, "height": height})


def _run(page: Frontend, comfy: ComfyUI) -> None:
    """Runs what is not muted, and waits for it."""
    page.run("() => app.queuePrompt(0)")
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while comfy.get_json("/prompt")["exec_info"]["queue_remaining"]:
        if time.monotonic() > deadline:
            raise ToolError(f"The graph was not done after {RUN_TIMEOUT_S:.0f} s.")
        time.sleep(0.2)
    page.page.wait_for_timeout(2500)  # pictures arrive, notices leave


def _belongs(page: Frontend, node: dict[str, Any], picture: Picture) -> bool:
    title = page.run("(id) => app.rootGraph.getNodeById(id).title", node["id"])
    return node["type"] == picture.node or title in picture.beside


def _show(page: Frontend, nodes: list[int]) -> Area:
    """Moves the nodes to a free place; returns what is around them, with a margin."""
    page.run(
        """([nodes, left, top]) => {
          const places = nodes.map((id) => app.rootGraph.getNodeById(id).pos)
          app.canvas.ds.scale = 1
          app.canvas.ds.offset = [
            left - Math.min(...places.map(([x]) => x)),
            top - Math.min(...places.map(([, y]) => y)),
          ]
          app.canvas.deselectAll()
          app.extensionManager.toast.removeAll()
          app.canvas.setDirty(true, true)
        }""",
        [nodes, LEFT, TOP],
    )
    page.page.mouse.move(5, 1290)
    page.page.wait_for_timeout(800)
    boxes = [page.page.locator(f'[data-node-id="{id}"]').bounding_box() for id in nodes]
    found = [box for box in boxes if box is not None]
    x = min(box["x"] for box in found) - MARGIN
    y = min(box["y"] for box in found) - MARGIN
    right = max(box["x"] + box["width"] for box in found) + MARGIN
    bottom = max(box["y"] + box["height"] for box in found) + MARGIN
    return x, y, right - x, bottom - y


def _save_png(png: bytes, to: Path) -> None:
    """With few colours: the pictures show flat areas and text."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(200, dither=Image.Dither.NONE).save(to, optimize=True)
    say(f"{to.stat().st_size / 1000:6.0f} KB  {to}")


def _save_thumbnail(png: bytes, to: Path) -> None:
    """As wide as a thumbnail; the upper part of what is taller, the middle for what is not."""
    from PIL import Image, ImageOps

    image = Image.open(io.BytesIO(png)).convert("RGB")
    width, height = THUMBNAIL
    scaled = image.resize((width, round(image.height * width / image.width)))
    if scaled.height > height:
        scaled = scaled.crop((0, 0, width, height))
    padded = ImageOps.pad(scaled, THUMBNAIL, color=BACKGROUND)
    padded.save(to, quality=85, optimize=True)
    say(f"{to.stat().st_size / 1000:6.0f} KB  {to}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
