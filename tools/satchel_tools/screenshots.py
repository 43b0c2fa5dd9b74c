"""Takes the pictures that the README and the docs show, from a real run.

    python -m satchel_tools.screenshots [--to docs/images]

One command for all of them, in both palettes and renderers where that makes a difference.

Needs Playwright. ComfyUI and Chromium are those of the tests: `SATCHEL_HOST_DIR`,
`SATCHEL_HOST_PYTHON` and `SATCHEL_CHROMIUM`, or what `dev.py` provides.
"""

from __future__ import annotations

import argparse
import json
import math
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
from .core_import import make_core_importable
from .host import Host, provide_host
from .running import say
from .screenshots_sidebar import fill_library, take_found, take_library, take_workflow

EXAMPLE = ROOT / "workflows" / "lora-stack.json"
STACK, CHECKPOINT, DECODE, VAE = 2, 1, 7, 11
"""Ids of nodes in that graph; the last one is added to it."""
LEFT_OUT = (9, 10)
NAME = "harbour at dawn"
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
LORA_TABLE = "kohya_sdxl.json"
UNPUBLISHED = "my-own-faces.safetensors"
FOREIGN: dict[str, Any] = {
    "id": 20, "type": "Seed (rgthree)", "pos": [1150, 460], "size": [300, 130], "flags": {},
    "order": 0, "mode": 0, "inputs": [], "outputs": [], "widgets_values": [],
    "properties": {"cnr_id": "rgthree-comfy", "ver": "1.0.2605082234"},
}  # fmt: skip
"""A node of a pack that the machine that is shown does not have."""
PALETTES = (("dark", ""), ("light", "-light"))
"""The frontend's palettes, and what the names of their pictures end with."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Takes the pictures of README and docs.")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args(argv)
    options.to.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(ROOT / "tests"))
    make_core_importable()
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
                write_outline(comfy.base / "models" / "loras" / name)
            for vue_nodes, name in ((False, "lora-stack.png"), (True, "lora-stack-nodes2.png")):
                _take_stack(browser, comfy, to / name, vue_nodes=vue_nodes)
            _take_stack(browser, comfy, to / "lora-stack-light.png", palette="light")
            for name in ROWS[1::5]:
                (comfy.base / "models" / "loras" / name).unlink()
            _publish(comfy, market, folder / "author")
            _take_menu(browser, comfy, to / "menu.png")
            for palette, ending in PALETTES:
                _take_export(browser, comfy, to / f"export-dialog{ending}.png", palette)
            graph = _share(comfy, folder / "author")
            for palette, ending in PALETTES:
                _take_import(browser, comfy, graph, to / f"import-dialog{ending}.png", palette)
                take_workflow(browser, comfy, graph, to / f"sidebar{ending}.png", palette)
            fill_library(comfy, market, folder / "author")
            for palette, ending in PALETTES:
                take_library(browser, comfy, to / f"library{ending}.png", palette)
                take_found(browser, comfy, to / f"find{ending}.png", palette)


def write_sparse_model(path: Path, size: int) -> Path:
    """A safetensors file of about this many bytes that takes hardly any room on most disks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = json.dumps({path.stem: {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}})
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        file.truncate(8 + len(header) + size)
    return path


def write_outline(path: Path) -> None:
    """A LoRA of SDXL by its header, whose weights take no room: rows draw what it has."""
    from support.lora_key_tables import TABLES, load_table

    shapes = load_table(TABLES / LORA_TABLE)["tensors"]
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [start, end]}
    encoded = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        file.truncate(8 + len(encoded) + end)


def _example(rows: list[Any]) -> dict[str, Any]:
    """The example graph of the LoRA Stack, with these rows and the models of `SHARED`."""
    graph: dict[str, Any] = json.loads(EXAMPLE.read_text("utf-8"))
    graph["nodes"] = [node for node in graph["nodes"] if node["id"] not in LEFT_OUT]
    by_id = {node["id"]: node for node in graph["nodes"]}
    for node in graph["nodes"]:
        node["properties"].pop("models", None)
    by_id[CHECKPOINT]["widgets_values"] = [SHARED[0][0]]
    by_id[STACK]["widgets_values"] = rows
    graph["links"] = [link for link in graph["links"] if link[3] not in LEFT_OUT]
    (link,) = (link for link in graph["links"] if link[3] == DECODE and link[5] == "VAE")
    for output in by_id[CHECKPOINT]["outputs"]:
        output["links"] = [each for each in output["links"] or () if each != link[0]]
    link[1:3] = [VAE, 0]
    output = {"name": "VAE", "type": "VAE", "links": [link[0]]}
    loader = {
        "id": VAE, "type": "VAELoader", "pos": [0, 170], "size": [330, 80], "flags": {}, "order": 0,
        "mode": 0, "inputs": [], "outputs": [output], "properties": {},
        "widgets_values": [SHARED[4][0]],
    }  # fmt: skip
    return {**graph, "nodes": [*graph["nodes"], loader]}


def _shared_rows(*more: str) -> list[Any]:
    names = [name for name, folder, _, _ in SHARED if folder == "loras"]
    return [value for name in (*names, *more) for value in (True, name, 0.8, 0.6, "")]


def _take_stack(
    browser: Browser, comfy: ComfyUI, to: Path, *, vue_nodes: bool = False, palette: str = "dark"
) -> None:
    page = open_frontend(browser, comfy, vue_nodes=vue_nodes, scale=2, palette=palette)
    graph = _example(ROWS)
    (stack,) = (node for node in graph["nodes"] if node["id"] == STACK)
    slots = [{**slot, "link": None} for slot in stack["inputs"]]
    stack = {**stack, "pos": [60, 60], "size": [440, 60], "inputs": slots}
    page.load({**graph, "nodes": [stack], "links": []}, name="stack")
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
    page.load(_example(_shared_rows()), name=NAME)
    page.page.locator(".comfy-menu-button-wrapper").first.click()
    page.page.get_by_role("menuitem", name="Satchel").hover()
    page.page.get_by_role("menuitem", name="Export portable workflow").hover()
    page.page.wait_for_timeout(500)
    page.page.screenshot(path=to, clip={"x": 0, "y": 0, "width": 760, "height": 460})
    page.page.context.close()


def _publish(comfy: ComfyUI, market: Any, author: Path) -> None:
    """Puts everything that the author has on both machines but one file, which nobody knows."""
    for name, folder, size, how in SHARED:
        path = write_sparse_model(author / name, size)
        market.publish(path, model_name=path.stem, **how)
        (comfy.base / "models" / folder / name).symlink_to(path)
    write_sparse_model(comfy.base / "models" / "loras" / UNPUBLISHED, 27_262_976)


def _share(comfy: ComfyUI, author: Path) -> dict[str, Any]:
    """Exports the graph where everything is, then leaves what the recipient has."""
    models = comfy.base / "models"
    answer = comfy.post_json("/satchel/v1/export", {"json": _example(_shared_rows())})
    for name, folder, _, _ in SHARED[:4]:
        (models / folder / name).unlink()
    grain = models / "loras" / "my styles" / "grain_old.safetensors"
    grain.parent.mkdir()
    grain.symlink_to(author / "film-grain.safetensors")
    exported: dict[str, Any] = answer["graph"]
    checkpoint = next(
        model for model in exported["extra"]["satchel"]["models"] if model["name"] == SHARED[0][0]
    )
    checkpoint.update(licence="openrail++", nsfw_level=4)
    exported["nodes"].append(FOREIGN)
    return exported


def _take_import(
    browser: Browser, comfy: ComfyUI, graph: dict[str, Any], to: Path, palette: str
) -> None:
    page = open_frontend(browser, comfy, vue_nodes=True, width=1100, height=900, palette=palette)
    page.run(
        "([graph, name]) => { void app.loadGraphData(graph, true, true, name) }", [graph, NAME]
    )
    dialog = page.page.get_by_role("dialog", name="Models of this workflow")
    dialog.locator("tr[data-tone=fetch]").first.wait_for()
    _take(page, to)


def _take_export(browser: Browser, comfy: ComfyUI, to: Path, palette: str) -> None:
    page = open_frontend(browser, comfy, vue_nodes=True, width=1100, height=860, palette=palette)
    page.load(_example(_shared_rows(UNPUBLISHED)), name=NAME)
    page.run("() => { void app.extensionManager.command.execute('Satchel.Export') }")
    page.page.get_by_role("button", name="Save", exact=True).wait_for()
    _take(page, to)


def _take(page: Frontend, to: Path) -> None:
    """Lets fonts and notices arrive, takes the pointer out of the picture, takes it and closes."""
    page.page.mouse.move(5, 715)
    page.page.wait_for_timeout(800)
    page.page.screenshot(path=to)
    page.page.context.close()


if __name__ == "__main__":
    raise SystemExit(main())
