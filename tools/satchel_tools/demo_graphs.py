"""The demo's graph, in both of ComfyUI's forms, from one description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Node:
    """One node: widgets in their saved order, links as `input -> (node, slot)`."""

    type: str
    widgets: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    position: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (280, 110)


UI_ONLY = frozenset({"control_after_generate"})
"""Widgets that the frontend keeps to itself."""


def stack_rows(rows: Sequence[tuple[bool, str, float, float, str]]) -> Json:
    """Widgets of a LoRA Stack's rows."""
    names = ("on", "lora", "strength_model", "strength_clip", "blocks")
    return {
        f"{name}_{number}": value
        for number, row in enumerate(rows, start=1)
        for name, value in zip(names, row, strict=True)
    }


def demo_graph(unet: str, clip: str, vae: str, rows: Json) -> dict[int, Node]:
    """Loaders -> LoRA Stack -> sampler -> decode -> save."""
    return {
        1: Node("UNETLoader", {"unet_name": unet, "weight_dtype": "default"},
                outputs=["MODEL"], position=(0, 0), size=(300, 90)),
        2: Node("CLIPLoader", {"clip_name": clip, "type": "stable_diffusion", "device": "default"},
                outputs=["CLIP"], position=(0, 140)),
        3: Node("VAELoader", {"vae_name": vae}, outputs=["VAE"], position=(0, 320), size=(300, 70)),
        4: Node("SatchelLoraStack", rows, {"model": (1, 0), "clip": (2, 0)},
                ["MODEL", "CLIP", "LORA_STACK", "STRING"], (360, 0), (360, 620)),
        5: Node("CLIPTextEncode", {"text": "a paper lantern over water"}, {"clip": (4, 1)},
                ["CONDITIONING"], (780, 0), (320, 140)),
        6: Node("CLIPTextEncode", {"text": "blurry"}, {"clip": (4, 1)},
                ["CONDITIONING"], (780, 190), (320, 140)),
        7: Node("EmptyLatentImage", {"width": 128, "height": 128, "batch_size": 1},
                outputs=["LATENT"], position=(780, 380)),
        8: Node(
            "KSampler",
            {"seed": 20261120, "control_after_generate": "fixed", "steps": 2, "cfg": 2.5,
             "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0},
            {"model": (4, 0), "positive": (5, 0), "negative": (6, 0), "latent_image": (7, 0)},
            ["LATENT"], (1160, 0), (280, 270),
        ),
        9: Node("VAEDecode", {}, {"samples": (8, 0), "vae": (3, 0)}, ["IMAGE"], (1160, 330),
                (280, 60)),
        10: Node("SaveImage", {"filename_prefix": "satchel"}, {"images": (9, 0)}, (), (1500, 0),
                 (320, 320)),
    }  # fmt: skip


def to_api(nodes: Mapping[int, Node]) -> Json:
    """The graph as `/prompt` takes it."""
    return {
        str(number): {
            "class_type": node.type,
            "inputs": {
                **{name: value for name, value in node.widgets.items() if name not in UI_ONLY},
                **{name: [str(source), slot] for name, (source, slot) in node.links.items()},
            },
        }
        for number, node in nodes.items()
    }


def to_ui(nodes: Mapping[int, Node]) -> Json:
    """The graph as the frontend saves it (schema 0.4)."""
    links: list[list[Any]] = []
    targets: dict[tuple[int, int], list[int]] = {}
    ui_nodes = []
    for number, node in nodes.items():
        inputs = []
        for index, (name, (source, slot)) in enumerate(node.links.items()):
            link_type = nodes[source].outputs[slot]
            links.append([len(links) + 1, source, slot, number, index, link_type])
            targets.setdefault((source, slot), []).append(len(links))
            inputs.append({"name": name, "type": link_type, "link": len(links)})
        ui_nodes.append(_ui_node(number, node, inputs))
    for ui_node in ui_nodes:
        for slot, output in enumerate(ui_node["outputs"]):
            output["links"] = targets.get((ui_node["id"], slot), [])
    return {
        "last_node_id": max(nodes),
        "last_link_id": len(links),
        "nodes": ui_nodes,
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def _ui_node(number: int, node: Node, inputs: list[Json]) -> Json:
    return {
        "id": number,
        "type": node.type,
        "pos": list(node.position),
        "size": list(node.size),
        "flags": {},
        "order": number - 1,
        "mode": 0,
        "inputs": inputs,
        "outputs": [{"name": name, "type": name, "links": []} for name in node.outputs],
        "properties": {"Node name for S&R": node.type},
        "widgets_values": list(node.widgets.values()),
    }
