"""Seven architectures, five forms of a workflow: the recipient's pixels are the author's.

One author and one recipient for all. The recipient loses all models, and all that it has computed,
before the next form.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from satchel_tools.base_directory import PACK_NAME
from satchel_tools.comfyui import ComfyUI
from satchel_tools.demo_graphs import to_api, to_ui
from support.family_graphs import (
    BY_TEXT,
    SAVE,
    SAVE_WEBP,
    api_of_ui,
    family_graph,
    files_of,
    lora_name,
)
from support.marketplace import Marketplace
from support.model_families import Family

from satchel.cli import main

from .conftest import StartServer
from .test_families import MASK_NODE

pytestmark = [pytest.mark.server, pytest.mark.slow]

PREFIX = "/satchel/v1"
FORMS = ("UI JSON", "API JSON and lock", "PNG", "WebP", "bundle")


@dataclass
class Travelled:
    """What an author gives away of one family's graph."""

    pixels: str
    """SHA256 over all frames that the author's server saved."""
    forms: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Form -> the body that a recipient sends to its server."""


def pixels(server: ComfyUI, images: list[dict[str, str]]) -> tuple[list[bytes], str]:
    """The saved files, and a SHA256 over their modes, sizes and pixels."""
    files = [server.base / one["type"] / one["subfolder"] / one["filename"] for one in images]
    contents = [file.read_bytes() for file in files]
    total = hashlib.sha256()
    for content in contents:
        with Image.open(BytesIO(content)) as frame:
            rgb = frame.convert("RGB")
            assert len(set(rgb.tobytes())) > 20  # a picture, not a plain area
            total.update(f"{rgb.size}".encode() + rgb.tobytes())
    return contents, total.hexdigest()


def run(server: ComfyUI, api: dict[str, Any], ui: dict[str, Any] | None = None) -> Any:
    """Runs a graph, which has to be sampled anew; returns the images of both save nodes."""
    entry = server.run_prompt(api, {"extra_pnginfo": {"workflow": ui}} if ui else {})
    reused = {
        node for name, message in entry["status"]["messages"] if name == "execution_cached"
        for node in message["nodes"]
    }  # fmt: skip
    assert "8" not in reused
    return [entry["outputs"][str(node)]["images"] for node in (SAVE, SAVE_WEBP)]


@pytest.fixture(scope="module")
def start(start_server: StartServer) -> Any:
    """Starts a server that has the node which LTX needs in tests."""

    def start_one(name: str) -> ComfyUI:
        extra = ["--whitelist-custom-nodes", PACK_NAME, "token_mask.py"]
        return start_server(
            name,
            {"custom_nodes/token_mask.py": MASK_NODE},
            env={"OMP_NUM_THREADS": "1"},  # such small models lose by more, on a busy machine
            extra_args=extra,
        )

    return start_one


@pytest.fixture(scope="module")
def author(start: Any, family_models: Path, market: Marketplace) -> ComfyUI:
    """A server with the models of all families in a folder of its own, all of them published."""
    server: ComfyUI = start("author-of-seven")
    uses = dict.fromkeys(use for family in BY_TEXT for use in files_of(family))
    made = {lora_name(family): family.file for family in BY_TEXT}
    for use in uses:
        source = family_models / use.kind / made.get(use.base, use.base)
        link = server.base / "models" / use.kind / use.name
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, link)
        market.publish(link, model_name=use.base, file_name=use.base)
    return server


@pytest.fixture(scope="module")
def recipient(start: Any) -> ComfyUI:
    server: ComfyUI = start("recipient-of-seven")
    return server


@pytest.fixture(scope="module")
def travelled(author: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Travelled]:
    """What the author exports of each family's graph, in all forms."""
    folder = tmp_path_factory.mktemp("exported")
    return {family.name: _exported(author, family, folder) for family in BY_TEXT}


def _exported(author: ComfyUI, family: Family, folder: Path) -> Travelled:
    nodes = family_graph(family)
    ui, api = to_ui(nodes), to_api(nodes)
    png_images, webp_images = run(author, api, ui)
    pngs, told = pixels(author, png_images)
    webps, same = pixels(author, webp_images)
    assert told == same  # without loss
    out = Travelled(told)
    graph = _export(author, {"json": ui})
    out.forms["UI JSON"] = {"json": graph["graph"]}
    prompt = _export(author, {"json": api})
    out.forms["API JSON and lock"] = {"json": prompt["prompt"], "lock": prompt["lock"]}
    png = _export(author, {"base64": _text(pngs[0])})["png_base64"]
    out.forms["PNG"] = {"base64": png}
    out.forms["WebP"] = {"base64": _export(author, {"base64": _text(webps[0])})["webp_base64"]}
    image, bundle = folder / f"{family.name}.png", folder / f"{family.name}.zip"
    image.write_bytes(base64.b64decode(png))
    assert main(["bundle", str(image), "-o", str(bundle), "--models", str(author.base)]) == 0
    out.forms["bundle"] = {"base64": _text(bundle.read_bytes())}
    return out


def _export(author: ComfyUI, document: dict[str, Any]) -> Any:
    exported = author.post_json(f"{PREFIX}/export", document)
    assert exported["unresolved"] == []
    assert "tiny/" not in json.dumps([exported["graph"], exported["prompt"], exported["lock"]])
    return exported


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest, recipient: ComfyUI) -> str:
    """One form; the recipient has no model when it begins, and remembers nothing."""
    for file in (recipient.base / "models").rglob("*.safetensors"):
        file.unlink()
    recipient.post_json("/free", {"unload_models": True, "free_memory": True})
    return request.param


@pytest.mark.parametrize("family", BY_TEXT, ids=lambda family: family.name)
def test_the_recipients_pixels_are_the_authors(
    family: Family, form: str, travelled: dict[str, Travelled], recipient: ComfyUI
) -> None:
    sent = travelled[family.name]
    document = sent.forms[form]
    here = {path.name for path in (recipient.base / "models").rglob("*.safetensors")}
    missing = {use.base for use in files_of(family)} - here

    planned = recipient.post_json(f"{PREFIX}/plan", document)["plan"]
    imported = recipient.post_json(f"{PREFIX}/install", document)

    assert {m["name"] for m in planned["models"] if m["state"] == "missing"} == missing
    assert {m["name"] for m in planned["models"]} == {use.base for use in files_of(family)}
    assert {one["name"] for one in imported["installed"]} == missing
    assert imported["plan"]["ok"]
    api = imported["prompt"]
    if form == "UI JSON":
        assert api is None
        api = api_of_ui(imported["graph"], family_graph(family))
    png_images, webp_images = run(recipient, api, imported["graph"])
    assert pixels(recipient, png_images)[1] == sent.pixels
    assert pixels(recipient, webp_images)[1] == sent.pixels


def test_other_block_weights_make_other_pixels(author: ComfyUI) -> None:
    """Else the comparison would prove nothing about the stack."""
    nodes = family_graph(BY_TEXT[0])
    api = to_api(nodes)
    before = pixels(author, run(author, api)[0])[1]
    api["4"]["inputs"]["blocks_1"] = "*=0.5"

    assert pixels(author, run(author, api)[0])[1] != before
