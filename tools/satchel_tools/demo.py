"""The whole journey on a real ComfyUI: an author exports a workflow, a recipient runs it.

Run it with `python dev.py demo`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .comfyui import ComfyUI
from .demo_graphs import demo_graph, stack_rows, to_api, to_ui
from .problems import ToolError

PREFIX = "/satchel/v1"
RENAMED = "mine/an old one.safetensors"
"""What the recipient calls the LoRA that is there already."""


class Journey:
    """Runs the steps, prints each with its time, and remembers the figures."""

    def __init__(self, *, quiet: bool) -> None:
        self.figures: dict[str, Any] = {"ok": False, "steps": []}
        self._quiet = quiet
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        print(text, file=sys.stderr if self._quiet else sys.stdout, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.say(f"-- {title}")
        started = time.monotonic()
        yield
        seconds = time.monotonic() - started
        self.figures["steps"].append({"step": title, "seconds": round(seconds, 2)})
        self.say(f"   {seconds:.1f} s")

    def finish(self) -> None:
        self.figures["seconds"] = round(time.monotonic() - self._started, 1)


def main(argv: Sequence[str]) -> int:
    """Returns 0 only if every step held."""
    arguments = _parser().parse_args(argv)
    journey = Journey(quiet=arguments.json)
    work = Path(tempfile.mkdtemp(prefix="satchel-demo-"))
    try:
        with ExitStack() as running:
            recipient = travel(journey, work, arguments.output.absolute(), running)
            journey.finish()
            if arguments.json:
                print(json.dumps(journey.figures, indent=2), flush=True)
            if arguments.keep:
                journey.say(f"\nThe recipient is running: {recipient.url}   (Ctrl-C stops it)")
                _wait_for_end(recipient)
    except KeyboardInterrupt:
        return 0 if journey.figures["ok"] else 130
    except ToolError as error:
        journey.finish()
        journey.say(f"\nThe demo failed: {error}")
        if arguments.json:
            journey.figures["error"] = str(error)
            print(json.dumps(journey.figures, indent=2))
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


def _wait_for_end(server: ComfyUI) -> None:
    while server.process is not None and server.process.poll() is None:
        time.sleep(0.5)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python dev.py demo", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("demo-output"), metavar="DIR",
        help="where the images, the JSON and the contact sheet go (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="leave the recipient running")
    parser.add_argument("--json", action="store_true", help="print all figures as one JSON object")
    return parser


def travel(journey: Journey, work: Path, output: Path, running: ExitStack) -> ComfyUI:
    """All steps; returns the recipient's server, which runs until `running` is closed."""
    from support.marketplace import Marketplace

    from .base_directory import make_base_directory
    from .demo_models import ALL_FILES, LORAS, make_models
    from .host import Host

    host = Host(Path(os.environ["SATCHEL_HOST_DIR"]), Path(os.environ["SATCHEL_HOST_PYTHON"]))
    output.mkdir(parents=True, exist_ok=True)
    author_base, recipient_base = work / "author", work / "recipient"
    make_base_directory(author_base)
    make_base_directory(recipient_base)
    with journey.step("Make the models: a tiny SD 1.5, a random CLIP-L and VAE, four LoRAs"):
        make_models(author_base / "models")
    with journey.step("Start a local stand-in for Civitai and its storage, which has those files"):
        market = running.enter_context(Marketplace())
        for file in ALL_FILES:
            market.publish(
                author_base / "models" / file.kind / file.name,
                model_name=file.title, type=file.type, file_type=file.file_type,
            )  # fmt: skip
    environment = {**market.environment, "CIVITAI_API_TOKEN": None}
    with journey.step("Author: start ComfyUI"):
        author = ComfyUI(host, author_base, env=environment)
        running.enter_context(author)
    image = _author_runs(journey, author)
    exported = _author_exports(journey, author, image, output)
    author.stop()
    with journey.step("Recipient: start a second ComfyUI, empty but for one renamed LoRA"):
        old = recipient_base / "models" / "loras" / RENAMED
        old.parent.mkdir(parents=True)
        shutil.copyfile(author_base / "models" / "loras" / LORAS[1].name, old)
        recipient = ComfyUI(host, recipient_base, env=environment)
        running.enter_context(recipient)
    document = {"base64": base64.b64encode(exported).decode("ascii"), "name": "portable.png"}
    _recipient_plans(journey, recipient, document)
    imported = _recipient_installs(journey, recipient, document)
    with journey.step("Recipient: run the graph"):
        received = _run(recipient, imported["prompt"], imported["graph"])
    _prove(journey, image, received, output)
    return recipient


def _author_runs(journey: Journey, author: ComfyUI) -> bytes:
    from .demo_models import CLIP, LORAS, UNET, VAE

    rows = stack_rows(
        [
            (True, LORAS[0].name, 0.9, 0.6, ""),
            (True, LORAS[1].name, 0.7, 0.0, "IN01-02=0.25, M00=1, *=0.8"),
            (True, LORAS[2].name, -0.5, 1.2, ""),
            (False, LORAS[3].name, 1.0, 1.0, ""),
        ]
    )
    nodes = demo_graph(UNET.name, CLIP.name, VAE.name, rows)
    with journey.step("Author: run a graph with three LoRAs, one block-weighted, and a fourth off"):
        return _run(author, to_api(nodes), to_ui(nodes))


def _author_exports(journey: Journey, author: ComfyUI, image: bytes, output: Path) -> bytes:
    with journey.step("Author: hash what the graph uses, resolve it by hash, export PNG and JSON"):
        document = {"base64": base64.b64encode(image).decode("ascii"), "name": "author.png"}
        exported = author.post_json(f"{PREFIX}/export", document)
        if exported["unresolved"]:
            raise ToolError(f"The export is incomplete: {exported['unresolved']}")
        portable = base64.b64decode(exported["png_base64"])
        (output / "portable.png").write_bytes(portable)
        (output / "portable.json").write_text(json.dumps(exported["graph"], indent=1), "utf-8")
        journey.figures["models_locked"] = len(exported["lock"]["models"])
        journey.say(f"   {len(exported['lock']['models'])} models pinned by SHA256")
    return portable


def _recipient_plans(journey: Journey, recipient: ComfyUI, document: dict[str, Any]) -> None:
    with journey.step("Recipient: what would importing the PNG do?"):
        plan = recipient.post_json(f"{PREFIX}/plan", document)["plan"]
        for model in plan["models"]:
            where = f"here as {model['local']}" if model["local"] else f"from {model['source']}"
            size = f"{model['bytes'] / 1e6:.1f} MB"
            journey.say(f"   {model['state']:8} {model['name']:28} {size:>9}  {where}")
        journey.say(f"   to fetch: {plan['bytes_to_fetch'] / 1e6:.1f} MB")
        states = sorted(model["state"] for model in plan["models"])
        if states != ["missing"] * (len(states) - 1) + ["renamed"]:
            raise ToolError(f"The plan should be one renamed model and else missing ones: {states}")
        journey.figures["bytes_to_fetch"] = plan["bytes_to_fetch"]


def _recipient_installs(journey: Journey, recipient: ComfyUI, document: dict[str, Any]) -> Any:
    with journey.step("Recipient: fetch what is missing, verify it, use the local names"):
        imported = recipient.post_json(f"{PREFIX}/install", document)
        if not imported["plan"]["ok"]:
            raise ToolError(f"Something is still missing: {imported['plan']['models']}")
        for change in imported["rewrites"]:
            journey.say(f"   node {change['node']}: {change['old']} is {change['new']} here")
        journey.figures["installed"] = imported["installed"]
        journey.figures["rewrites"] = imported["rewrites"]
    return imported


def _run(server: ComfyUI, prompt: Any, workflow: Any) -> bytes:
    """Runs a graph as the browser would queue it; returns the saved PNG."""
    entry = server.run_prompt(prompt, {"extra_pnginfo": {"workflow": workflow}})
    (image,) = (image for result in entry["outputs"].values() for image in result.get("images", []))
    path: Path = server.base / image["type"] / image["subfolder"] / image["filename"]
    return path.read_bytes()


def _prove(journey: Journey, author: bytes, recipient: bytes, output: Path) -> None:
    with journey.step("Compare the two images, pixel by pixel"):
        (output / "author.png").write_bytes(author)
        (output / "recipient.png").write_bytes(recipient)
        hashes = {"author": _pixel_hash(author), "recipient": _pixel_hash(recipient)}
        _contact_sheet(output, hashes)
        identical = hashes["author"] == hashes["recipient"]
        journey.figures |= {"pixel_sha256": hashes, "ok": identical, "output": str(output)}
        for name, value in hashes.items():
            journey.say(f"   {name:9} {value}")
        if not identical:
            raise ToolError("The recipient's image differs from the author's.")
    journey.say(
        f"\nIdentical. In {output}: author.png, recipient.png, portable.png, portable.json,"
        " contact-sheet.png"
    )


def _pixel_hash(image: bytes) -> str:
    """SHA256 over mode, size and raw pixels: metadata does not count."""
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(image)) as picture:
        facts = f"{picture.mode} {picture.size}".encode()
        return hashlib.sha256(facts + picture.tobytes()).hexdigest()


def _contact_sheet(output: Path, hashes: dict[str, str]) -> None:
    from PIL import Image, ImageDraw

    sheet = Image.new("RGB", (2 * 280 + 20, 330), "white")
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(("author", "recipient")):
        with Image.open(output / f"{name}.png") as picture:
            tile = picture.convert("RGB").resize((270, 270), Image.Resampling.NEAREST)
        sheet.paste(tile, (10 + index * 285, 10))
        draw.text((10 + index * 285, 290), name, fill="black")
        draw.text((10 + index * 285, 306), f"pixels {hashes[name][:24]}", fill="black")
    sheet.save(output / "contact-sheet.png")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
