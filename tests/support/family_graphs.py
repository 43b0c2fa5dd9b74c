"""A graph for each model family, from its loaders to saved pixels, in both of ComfyUI's forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from satchel_tools.demo_graphs import UI_ONLY, Node, stack_rows
from satchel_tools.demo_models import CLIP

from .model_families import FAMILIES, Family

Json = dict[str, Any]

FOLDER = "tiny/"
"""Where the author keeps them; nobody else has that folder."""
STRENGTH = 10.0
SAVE, SAVE_WEBP = 10, 11
DECODERS = {
    "sd3": "image-16", "flux": "image-16", "flux2": "video-128", "wan": "video-16",
    "hunyuan_video": "video-16", "ltxv": "video-128",
}  # fmt: skip
"""Family -> the file of `tiny_vaes` that decodes its latents; a checkpoint has a VAE inside."""
BY_TEXT = sorted(FAMILIES, key=lambda family: (family.folder, family.text))
"""All of them, those together that load a text encoder in the same way: the host keeps it then."""


@dataclass(frozen=True)
class ModelUse:
    """One file that a family's graph loads."""

    kind: str
    name: str
    """As the author has it."""

    @property
    def base(self) -> str:
        return self.name.rpartition("/")[2]


def files_of(family: Family) -> list[ModelUse]:
    """What a family's graph loads; the text encoder is the same for all that need one."""
    model = ModelUse(family.folder, FOLDER + family.file)
    lora = ModelUse("loras", FOLDER + lora_name(family))
    if family.name not in DECODERS:
        return [model, lora]
    vae = ModelUse("vae", f"{FOLDER}{DECODERS[family.name]}.safetensors")
    return [model, lora, ModelUse(CLIP.kind, CLIP.name), vae]


def lora_name(family: Family) -> str:
    return f"{family.name}-style.safetensors"


def family_graph(family: Family) -> dict[int, Node]:
    """Loaders -> a block-weighted LoRA Stack -> two steps -> decoded frames, as PNG and WebP."""
    rows = stack_rows([(True, FOLDER + lora_name(family), STRENGTH, STRENGTH, family.blocks)])
    latent, size = family.latent
    nodes, model, clip, vae = _loaders(family)
    links = {"model": model, "clip": clip} if family.has_encoder else {"model": model}
    nodes[4] = Node("SatchelLoraStack", rows, links, ["MODEL", "CLIP", "LORA_STACK", "STRING"])
    clip = (4, 1) if family.has_encoder else clip
    nodes[5] = Node("CLIPTextEncode", {"text": "a lantern"}, {"clip": clip}, ["CONDITIONING"])
    if family.needs_mask:
        nodes[6] = Node("TestTokenMask", {}, {"conditioning": (5, 0)}, ["CONDITIONING"])
    text = (6, 0) if family.needs_mask else (5, 0)
    nodes[7] = Node(latent, size, {}, ["LATENT"])
    nodes[8] = Node(
        "KSampler",
        {"seed": 5, "control_after_generate": "fixed", "steps": 2, "cfg": 1.0,
         "sampler_name": "euler", "scheduler": "simple", "denoise": 1.0},
        {"model": (4, 0), "positive": text, "negative": text, "latent_image": (7, 0)},
        ["LATENT"],
    )  # fmt: skip
    nodes[9] = Node("VAEDecode", {}, {"samples": (8, 0), "vae": vae}, ["IMAGE"])
    nodes[SAVE] = Node("SaveImage", {"filename_prefix": family.name}, {"images": (9, 0)})
    webp = {"filename_prefix": family.name, "format": "webp", "quality": 20, "lossless": True,
            "embed_lock": True, "a1111_parameters": False, "civitai": False}  # fmt: skip
    nodes[SAVE_WEBP] = Node("SatchelSaveImage", webp, {"images": (9, 0)}, ["STRING"])
    return nodes


def _loaders(
    family: Family,
) -> tuple[dict[int, Node], tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Nodes, and where model, text encoder and VAE come out."""
    files = files_of(family)
    if family.has_encoder:
        whole = Node("CheckpointLoaderSimple", {"ckpt_name": files[0].name}, {},
                     ["MODEL", "CLIP", "VAE"])  # fmt: skip
        return {1: whole}, (1, 0), (1, 1), (1, 2)
    clip = {"clip_name": CLIP.name, "type": family.text, "device": "default"}
    nodes = {
        1: Node("UNETLoader", {"unet_name": files[0].name, "weight_dtype": "default"}, {},
                ["MODEL"]),
        2: Node("CLIPLoader", clip, {}, ["CLIP"]),
        3: Node("VAELoader", {"vae_name": files[3].name}, {}, ["VAE"]),
    }  # fmt: skip
    return nodes, (1, 0), (2, 0), (3, 0)


def api_of_ui(graph: Json, nodes: Mapping[int, Node]) -> Json:
    """What the frontend makes of a saved graph when it is queued.

    Args:
        nodes: the description that the graph was made from: it has the widgets' names.
    """
    sources = {link[0]: [str(link[1]), link[2]] for link in graph["links"]}
    return {
        str(node["id"]): {
            "class_type": node["type"],
            "inputs": dict(_inputs(node, nodes[node["id"]], sources)),
        }
        for node in graph["nodes"]
    }


def _inputs(node: Json, known: Node, sources: Mapping[int, list[Any]]) -> Iterator[tuple[str, Any]]:
    for name, value in zip(known.widgets, node["widgets_values"], strict=True):
        if name not in UI_ONLY:
            yield name, value
    for slot in node["inputs"]:
        yield slot["name"], sources[slot["link"]]
