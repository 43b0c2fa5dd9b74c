"""Takes the pictures that the README and the docs show, from a real run.

    python -m satchel_tools.screenshots [--to docs/images]

Needs Playwright. ComfyUI and Chromium are those of the tests: `SATCHEL_HOST_DIR`,
`SATCHEL_HOST_PYTHON` and `SATCHEL_CHROMIUM`, or what `dev.py` provides.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from . import ROOT
from .browser import Frontend, chromium, open_frontend
from .cache import cache_root
from .chromium import provide_chromium
from .comfyui import ComfyUI
from .host import Host, provide_host
from .running import say

STACK = "SatchelLoraStack"
ROWS: list[Any] = [
    *(True, "ink-wash-lines.safetensors", 0.85, 0.6, ""),
    *(True, "style/film-grain.safetensors", 0.4, 0.4, "IN04-08=0.5, M00=1, *=0"),
    *(False, "detail-boost.safetensors", 1.0, 1.0, ""),
]
# name, folder, bytes, published how; the last ones stay on the machine that is shown.
SHARED: list[tuple[str, str, int, dict[str, Any]]] = [
    ("harbour-v2.safetensors", "checkpoints", 214_500_000, {"type": "Checkpoint"}),
    ("ink-wash-lines.safetensors", "loras", 37_862_912, {}),
    ("film-grain.safetensors", "loras", 18_944_000, {}),
    ("detail-boost.safetensors", "loras", 9_480_192, {"require_login": True}),
    ("soft-vae.safetensors", "vae", 3_347_456, {"type": "VAE"}),
]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Takes the pictures of README and docs.")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args(argv)
    options.to.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT / "tests"))
    with tempfile.TemporaryDirectory() as temporary:
        _take_all(find_host(), Path(temporary), options.to)
    for picture in sorted(options.to.glob("*.png")):
        say(f"{picture.stat().st_size / 1000:6.0f} KB  {picture}")
    return 0


def find_host() -> Host:
    """The host that the environment names, or the one that dev.py provides."""
    directory, python = os.environ.get("SATCHEL_HOST_DIR"), os.environ.get("SATCHEL_HOST_PYTHON")
    if directory and python:
        return Host(Path(directory), Path(python))
    return provide_host(cache_root())


def _take_all(host: Host, folder: Path, to: Path) -> None:
    from support.marketplace import Marketplace

    with Marketplace() as market:
        env = {
            **market.environment,
            "SATCHEL_TRUSTED_ORIGINS": f"{market.site_url},{market.storage_url}",
        }
        executable = provide_chromium(folder / "chromium.log")
        with ComfyUI(host, folder / "comfy", env=env) as comfy, chromium(executable) as browser:
            for name in ROWS[1::5]:
                write_sparse_model(comfy.base / "models" / "loras" / name, 4096)
            for vue_nodes, name in ((False, "lora-stack.png"), (True, "lora-stack-nodes2.png")):
                _take_stack(browser, comfy, to / name, vue_nodes=vue_nodes)
            _take_menu(browser, comfy, to / "menu.png")
            for name in ROWS[1::5]:
                (comfy.base / "models" / "loras" / name).unlink()
            graph = _share(comfy, market, folder / "author")
            _take_dialog(browser, comfy, graph, to / "import-dialog.png")


def write_sparse_model(path: Path, size: int) -> Path:
    """A safetensors file of about this many bytes that takes hardly any room on most disks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({path.stem: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        file.truncate(8 + len(header) + size)
    return path


def _stack_graph() -> dict[str, Any]:
    stack = _node(3, STACK, [60, 60], ROWS)
    return {"nodes": [stack], "links": [], "groups": [], "extra": {}, "version": 0.4}


def _shared_graph() -> dict[str, Any]:
    checkpoint, ink, grain, detail, vae = (name for name, *_ in SHARED)
    rows = [value for name in (ink, grain, detail) for value in (True, name, 0.8, 0.6, "")]
    nodes = [
        _node(1, "CheckpointLoaderSimple", [-320, 60], [checkpoint]),
        _node(2, "VAELoader", [-320, 240], [vae]),
        _node(3, STACK, [60, 60], rows),
    ]
    return {"nodes": nodes, "links": [], "groups": [], "extra": {}, "version": 0.4}


def _node(number: int, kind: str, position: list[int], values: list[Any]) -> dict[str, Any]:
    return {
        "id": number,
        "type": kind,
        "pos": position,
        "size": [340, 60],
        "flags": {},
        "order": 0,
        "mode": 0,
        "inputs": [],
        "outputs": [],
        "properties": {},
        "widgets_values": values,
    }


def _take_stack(browser: Browser, comfy: ComfyUI, to: Path, *, vue_nodes: bool) -> None:
    page = open_frontend(browser, comfy, vue_nodes=vue_nodes, scale=2)
    page.load(_stack_graph(), name="stack")
    page.run("() => { app.canvas.ds.offset = [200, 80]; app.canvas.ds.scale = 1 }")
    page.page.wait_for_timeout(500)
    left, top, width, height = page.run(
        """() => {
          const node = app.rootGraph.nodes[0]
          const [left, top] = app.canvasPosToClientPos([node.pos[0], node.pos[1] - 30])
          const drawn = document.querySelector(`[data-node-id="${node.id}"]`)
          const height = drawn ? drawn.getBoundingClientRect().height : node.size[1] + 30
          return [left, top, node.size[0], height]
        }"""
    )
    # The classic canvas draws the pack's badge above the node.
    page.page.screenshot(
        path=to,
        clip={"x": left - 16, "y": top - 32, "width": width + 32, "height": height + 48},
    )
    page.page.context.close()


def _take_menu(browser: Browser, comfy: ComfyUI, to: Path) -> None:
    page = open_frontend(browser, comfy, vue_nodes=True)
    page.load(_stack_graph(), name="harbour at dawn")
    page.page.locator(".comfy-menu-button-wrapper").first.click()
    page.page.get_by_role("menuitem", name="Satchel").hover()
    page.page.get_by_role("menuitem", name="Check models").hover()
    page.page.wait_for_timeout(500)
    page.page.screenshot(path=to, clip={"x": 0, "y": 0, "width": 760, "height": 460})
    page.page.context.close()


def _share(comfy: ComfyUI, market: Any, author: Path) -> dict[str, Any]:
    """Exports the graph where everything is, then leaves what the recipient has."""
    models = comfy.base / "models"
    for name, folder, size, how in SHARED:
        path = write_sparse_model(author / name, size)
        market.publish(path, model_name=path.stem, **how)
        (models / folder / name).symlink_to(path)
    answer = comfy.post_json("/satchel/v1/export", {"json": _shared_graph()})
    for name, folder, _, _ in SHARED[:4]:
        (models / folder / name).unlink()
    grain = models / "loras" / "my styles" / "grain_old.safetensors"
    grain.parent.mkdir()
    grain.symlink_to(author / "film-grain.safetensors")
    exported: dict[str, Any] = answer["graph"]
    return exported


def _take_dialog(browser: Browser, comfy: ComfyUI, graph: dict[str, Any], to: Path) -> None:
    page = open_frontend(browser, comfy, vue_nodes=True, width=1100, height=720)
    page.run("(graph) => { void app.loadGraphData(graph, true, true, 'harbour at dawn') }", graph)
    dialog = page.page.get_by_role("dialog", name="Models of this workflow")
    dialog.locator("tr[data-tone=fetch]").first.wait_for()
    _settled(page)
    page.page.screenshot(path=to)
    page.page.context.close()


def _settled(page: Frontend) -> None:
    """Lets fonts and notices arrive, and takes the pointer out of the picture."""
    page.page.mouse.move(5, 715)
    page.page.wait_for_timeout(800)


if __name__ == "__main__":
    raise SystemExit(main())
