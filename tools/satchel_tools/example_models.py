"""Small stand-ins for the models that the example graphs name, so that those graphs run here.

    <host python> launch.py satchel_tools.example_models TINY MODELS

TINY is a models folder with what `demo_models` and `support.tiny_checkpoints` write. Below MODELS
every model that a graph in workflows/ lists appears under its published name: checkpoints are
SD 1.5, diffusion models FLUX.1, both narrow and random, and the LoRAs are made for them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import ROOT
from .host import Host, run_module

GRAPHS = ROOT / "workflows"
_FAMILY = {"checkpoints": "sd15", "diffusion_models": "flux"}
_LIKENESS = (1.0, 0.55, -0.35)
"""How alike the LoRAs of one graph are to its first: a report on them has something to show."""
_FOLDERS = {"pixel-art-xl": "10_pixel", "watercolor_v1_sdxl": "5_watercolor"}
"""Training folders in the headers of the LoRAs, which trigger words come from."""


def graphs() -> dict[str, dict[str, Any]]:
    """The example graphs by name."""
    return {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted(GRAPHS.glob("*.json"))
    }


def models_of(graph: dict[str, Any]) -> list[dict[str, str]]:
    """`{name, url, directory}` of each model that a graph's nodes list, in their order."""
    return [entry for node in graph["nodes"] for entry in node["properties"].get("models", ())]


def make_tiny_models(host: Host, folder: Path) -> None:
    """What TINY needs, made by the host's own code."""
    run_module(host, "satchel_tools.demo_models", folder)
    run_module(host, "support.tiny_checkpoints", folder)


def make_example_models(host: Host, tiny: Path, models: Path) -> None:
    run_module(host, "satchel_tools.example_models", tiny, models)


def _write(tiny: Path, models: Path) -> None:
    for graph in graphs().values():
        listed = models_of(graph)
        family = next(_FAMILY[m["directory"]] for m in listed if m["directory"] in _FAMILY)
        loras = [m["name"] for m in listed if m["directory"] == "loras"]
        for model in listed:
            target = models / model["directory"] / model["name"]
            target.parent.mkdir(parents=True, exist_ok=True)
            if model["directory"] != "loras" and not target.exists():
                os.link(tiny / model["directory"] / f"{family}.safetensors", target)
        for number, name in enumerate(loras):
            _write_lora(tiny / "loras" / f"{family}.safetensors", models / "loras" / name, number)


def _write_lora(original: Path, target: Path, number: int) -> None:
    """A LoRA with the downs of another and partly its ups, each with its own weight per block."""
    import torch
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(number)
    likeness = _LIKENESS[number % len(_LIKENESS)]
    tensors = load_file(original)
    for name, tensor in sorted(tensors.items()):
        if ".lora_up." in name or ".lora_B." in name:
            fresh = torch.randn(tensor.shape, generator=generator) * tensor.float().std()
            mixed = likeness * tensor + (1 - likeness**2) ** 0.5 * fresh
            tensors[name] = (mixed * _strength(name, number)).to(tensor.dtype)
    folder = _FOLDERS.get(target.stem)
    tags = {folder: {folder.partition("_")[2]: 40}} if folder else {}
    save_file(tensors, target, {"ss_tag_frequency": json.dumps(tags)} if tags else None)


def _strength(name: str, number: int) -> float:
    """Of a module: larger in early blocks for one LoRA, in late ones for the next."""
    position = next(_block_numbers(name), 0)
    return (1.0 + 0.25 * position, 2.5 / (1 + 0.4 * position), 0.8)[number % 3]


def _block_numbers(name: str) -> Iterator[int]:
    return (int(part) for part in name.replace("_", ".").split(".") if part.isdigit())


if __name__ == "__main__":
    _write(Path(sys.argv[1]), Path(sys.argv[2]))
