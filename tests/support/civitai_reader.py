"""How civitai.com reads an image that ComfyUI made, rule by rule.

Rules as read in civitai/civitai at `ebed661` (2026-08-08): src/utils/metadata/{index,automatic,
comfy}.metadata.ts and get_image_resources.sql. Written anew from what they do, for what Satchel
writes or must not write; swarmui and fooocus are left out.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from typing import Any

AIR = re.compile(r"^(?:urn:)?(?:air:)?(?:([\w-]+):)?(?:([\w-]+):)?civitai:(\d+)@(\d+)$")
LOADERS = {
    "CheckpointLoaderSimple": "ckpt_name", "CheckpointLoader": "ckpt_name",
    "UNETLoader": "unet_name", "LoraLoader": "lora_name", "LoraLoaderModelOnly": "lora_name",
    "VAELoader": "vae_name", "ControlNetLoader": "control_net_name",
    "UpscaleModelLoader": "model_name",
}  # fmt: skip
MODELS = ("CheckpointLoaderSimple", "CheckpointLoader", "UNETLoader")
LORAS = ("LoraLoader", "LoraLoaderModelOnly")


@dataclass
class Recognised:
    """What the site shows and links."""

    engine: str
    linked: dict[int, float | None] = field(default_factory=dict)
    """Weight by version id."""
    hashes: dict[str, str] = field(default_factory=dict)
    """Digests that the site looks up, by their key."""
    weights: dict[str, float] = field(default_factory=dict)
    """Weights of LoRA tags, by the name in the tag."""
    names: list[str] = field(default_factory=list)
    """Models and LoRAs by file name only."""
    workflow: str = "none"
    """`ui` (and api), `api`, or `none`: what can be downloaded from the site."""
    on_site: bool = False
    prompt: str = ""


def read(exif: dict[str, str]) -> Recognised | None:
    """Reads the texts of an image: `prompt`, `workflow`, `parameters`, `userComment`, `Make` and
    `Model` of EXIF. The first parser that can, does."""
    generated = exif.get("parameters") or exif.get("userComment") or ""
    if "Steps: " in generated:
        return _automatic(generated)
    if exif.get("Model", "").startswith("prompt:"):
        graph = exif["Model"].removeprefix("prompt:")
        return _comfy(json.loads(graph), None, _table(exif.get("userComment")))
    if "prompt" in exif:
        workflow = json.loads(exif["workflow"]) if "workflow" in exif else None
        return _comfy(json.loads(exif["prompt"]), workflow, {})
    told = _table(exif.get("parameters"))
    if told:
        graph = {key: node for key, node in told.items() if key not in ("extra", "extraMetadata")}
        return _comfy(graph, None, told)
    return None


def _automatic(text: str) -> Recognised:
    found = Recognised("external")
    for key, value in _table(_after(text, "Hashes: ", "{", "}")).items():
        if key != "vae" and value != "e3b0c44298fc":
            found.hashes[key] = value
    for name, weight in re.findall(r"<lora:([a-zA-Z0-9_.-]+):([0-9.-]+)>", text):
        found.weights[name] = float(weight)
    listed = _after(text, "Civitai resources: ", "[", "]")
    for resource in json.loads(listed) if listed else []:
        found.linked[resource["modelVersionId"]] = resource.get("weight")
    found.prompt = text.partition("\nNegative prompt: ")[0].partition("\nSteps: ")[0]
    return found


def _comfy(graph: dict[str, Any], workflow: Any, beside: dict[str, Any]) -> Recognised:
    extra = (workflow or beside).get("extra") or {}
    if isinstance(extra, dict) and extra.get("airs"):
        versions = [AIR.match(air) for air in extra["airs"]]
        return Recognised("Civitai", {int(match[4]): None for match in versions if match})
    found = Recognised("ComfyUI", workflow="ui" if workflow is not None else "api")
    models: list[str] = []
    for _, node in _in_order(graph):
        class_type, inputs = node["class_type"], node["inputs"]
        value = inputs.get(LOADERS.get(class_type, ""))
        value = _linked(graph, value)
        if not isinstance(value, str):
            continue
        strength = inputs.get("strength_model") if class_type in LORAS else None
        if strength is not None and -0.001 < strength < 0.001:
            continue
        if class_type in MODELS:
            models.append(value)
        match = AIR.match(value) if value.startswith("urn:air:") else None
        if match:
            found.linked[int(match[4])] = strength
        else:
            found.names.append(value)
    more = beside.get("extraMetadata")
    if isinstance(more, dict) and "prompt" in more:  # without a prompt it does not count
        found.prompt = more["prompt"]
        for resource in more.get("resources", []):
            found.linked[resource["modelVersionId"]] = resource.get("strength")
    has_file = bool(models) and AIR.match(models[0]) is None
    found.on_site = bool(found.linked) and not has_file
    return found


def _in_order(graph: dict[str, Any]) -> list[tuple[str, Any]]:
    """As JavaScript lists an object: whole numbers first and in order, then as written."""
    numbers = sorted((key for key in graph if key.isdecimal()), key=int)
    return [(key, graph[key]) for key in (*numbers, *(k for k in graph if not k.isdecimal()))]


def _linked(graph: dict[str, Any], value: Any) -> Any:
    """Linked texts are followed one hop."""
    if not isinstance(value, list):
        return value
    inputs = graph.get(value[0], {}).get("inputs", {})
    return next((inner for inner in inputs.values() if isinstance(inner, str)), None)


def _table(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "null")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _after(text: str, key: str, opening: str, closing: str) -> str:
    start = text.find(key + opening)
    if start < 0:
        return ""
    start += len(key)
    return text[start : text.index(closing, start) + 1]


# --- files ---------------------------------------------------------------------------------------


def texts_of_png(image: bytes) -> dict[str, str]:
    """tEXt and uncompressed iTXt chunks by keyword."""
    texts, position = {}, 8
    while position < len(image):
        length, kind = struct.unpack_from(">I4s", image, position)
        data = image[position + 8 : position + 8 + length]
        keyword, _, rest = data.partition(b"\0")
        if kind == b"tEXt":
            texts[keyword.decode()] = rest.decode("latin-1")
        elif kind == b"iTXt":
            texts[keyword.decode()] = rest[2:].split(b"\0", 2)[-1].decode()
        position += 12 + length
    return texts


def texts_of_exif(block: bytes) -> dict[str, str]:
    """Make, Model and UserComment of an EXIF block."""
    block = block.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}[block[:2]]
    names = {0x010F: "Make", 0x0110: "Model", 0x9286: "userComment"}
    texts, pending = {}, [struct.unpack_from(f"{order}I", block, 4)[0]]
    while pending:
        start = pending.pop()
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, length, where = struct.unpack_from(f"{order}HHII", block, entry)
            if tag == 0x8769:
                pending.append(where)
            elif tag in names:
                value = block[where : where + length]
                if value.startswith(b"UNICODE\0"):
                    texts[names[tag]] = value[8:].decode("utf-16-be")
                else:
                    texts[names[tag]] = value.rstrip(b"\0").decode()
    return texts
