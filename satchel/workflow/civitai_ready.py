"""Makes Civitai recognise the models of an image that any save node of ComfyUI writes.

Civitai reads the `prompt` of an image, and links what loaders of the core name as an AIR. So
loaders that nothing is connected to are put into the queued graph: they never run, every save node
writes them, and the `workflow` of the image stays as it is. The rules of its reader are those of
civitai/civitai at `ebed661` (src/utils/metadata/comfy.metadata.ts).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from ..folders import posix_name
from ..identity import ModelIdentity, Source
from .api_values import Json, inputs_of, value_behind
from .civitai_marks import without_marks
from .generation import Generation
from .lora_uses import LoraUse

MIN_STRENGTH = 0.001
"""Civitai ignores LoRAs below."""
_VISIBLE = {"CheckpointLoaderSimple": "ckpt_name", "CheckpointLoader": "ckpt_name",
            "UNETLoader": "unet_name"}  # fmt: skip
"""Loaders in which Civitai sees the model. Never an AIR there: the image would count as made on
its site, as it would without any."""
_TYPE_OF_KIND = {
    "checkpoints": "checkpoint", "diffusion_models": "checkpoint", "loras": "lora", "vae": "vae",
    "embeddings": "embedding", "hypernetworks": "hypernet", "controlnet": "controlnet",
    "upscale_models": "upscaler", "text_encoders": "text_encoders", "clip_vision": "clipvision",
}  # fmt: skip
_AIR = re.compile(r"urn:air:([\w-]{1,50}):([\w-]{1,50}):civitai:", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resource:
    """One model that Civitai knows."""

    air: str
    version_id: int
    type: str
    """The type in the AIR: `checkpoint`, `lora`, ..."""
    strength: float | None = None
    """Of a LoRA; None for everything else, and where only a run tells."""
    is_lora: bool = False


def air_of(identity: ModelIdentity) -> tuple[str, str, int] | None:
    """(canonical AIR, its type, version id) of a model that is on Civitai; None for others."""
    for source in identity.sources:
        if source.kind == "civitai" and source.model_id and source.version_id:
            ecosystem, kind = _words(source, identity.kind)
            air = f"urn:air:{ecosystem}:{kind}:civitai:{source.model_id}@{source.version_id}"
            return air, kind, source.version_id
    return None


def _words(source: Source, kind: str) -> tuple[str, str]:
    """Ecosystem and type: only the ids link, so a guess does no harm."""
    match = _AIR.match(source.air or "")
    return (match[1], match[2]) if match else ("other", _TYPE_OF_KIND.get(kind, "other"))


def resources_of(models: Iterable[ModelIdentity], loras: Sequence[LoraUse]) -> list[Resource]:
    """The models that Civitai knows, each version once; of a LoRA that is applied twice the sum.

    Args:
        loras: the LoRAs that are applied; one that is only loaded is no resource.
    """
    uses_of: dict[str, list[LoraUse]] = {}
    for use in loras:
        uses_of.setdefault(use.name, []).append(use)
    found: dict[int, Resource] = {}
    for identity in models:
        named = air_of(identity)
        if named is None:
            continue
        air, kind, version_id = named
        if identity.kind != "loras":
            found.setdefault(version_id, Resource(air, version_id, kind))
            continue
        uses = uses_of.get(posix_name(identity.name), [])
        known = [use.strength for use in uses if use.strength is not None]
        strength = round(sum(known), 4) if len(known) == len(uses) else None
        if uses and (strength is None or abs(strength) >= MIN_STRENGTH):
            found[version_id] = Resource(air, version_id, kind, strength, is_lora=True)
    return list(found.values())


def with_marks(graph: Json, resources: Sequence[Resource], models: Sequence[ModelIdentity]) -> Json:
    """A copy of a queued graph with an unconnected loader for each resource.

    Args:
        models: all models of the graph, as `with_model_shown` takes them.
    """
    graph = without_marks(graph)
    shown = with_model_shown(graph, models) if resources else None
    return graph if shown is None else _with_nodes(shown, [_mark(one) for one in resources])


def with_model_shown(graph: Json, models: Sequence[ModelIdentity]) -> Json | None:
    """The graph with a loader in which Civitai sees a model's file, put in if it has none.

    None where there is no such file: an image without one would count as made on Civitai.
    """
    if shows_model(graph):
        return graph
    for kind, class_type in (
        ("checkpoints", "CheckpointLoaderSimple"), ("diffusion_models", "UNETLoader"),
    ):  # fmt: skip
        names = [identity.name for identity in models if identity.kind == kind]
        if names:
            inputs = {_VISIBLE[class_type]: names[0]}
            return _with_nodes(graph, [{"class_type": class_type, "inputs": inputs}])
    return None


def _with_nodes(graph: Json, nodes: Sequence[Json]) -> Json:
    """The graph with nodes at its end, under ids that are free."""
    candidates = (f"civitai:{number}" for number in count(1))
    free = (node_id for node_id in candidates if node_id not in graph)
    return {**graph, **dict(zip(free, nodes, strict=False))}


def shows_model(graph: Json) -> bool:
    """Whether Civitai sees a model's file in one of the graph's own loaders."""
    for node in graph.values():
        name = _VISIBLE.get(str(node.get("class_type")))
        value = value_behind(graph, inputs_of(node).get(name)) if name else None
        if isinstance(value, str) and value and not value.startswith("urn:air:"):
            return True
    return False


def _mark(resource: Resource) -> Json:
    if not resource.is_lora:
        inputs: Json = {"vae_name": resource.air}
        return {"class_type": "VAELoader", "inputs": inputs}
    inputs = {"lora_name": resource.air}
    if resource.strength is not None:
        inputs["strength_model"] = resource.strength
    return {"class_type": "LoraLoaderModelOnly", "inputs": inputs}


def extra_metadata(generation: Generation, resources: Sequence[Resource]) -> str:
    """The JSON that Civitai reads in a UserComment of WebP and JPEG files.

    `Steps: ` would make Civitai take it for A1111 text, so a prompt's own is written as an escape.
    """
    said: Mapping[str, Any] = {
        "prompt": generation.positive,
        "negativePrompt": generation.negative,
        "steps": generation.steps,
        "cfgScale": generation.cfg,
        "seed": generation.seed,
        "sampler": generation.sampler,
        "resources": [
            {
                "modelVersionId": resource.version_id,
                "type": resource.type,
                **({} if resource.strength is None else {"strength": resource.strength}),
            }
            for resource in resources
        ],
    }
    facts = {key: value for key, value in said.items() if value is not None}
    return json.dumps({"extraMetadata": facts}).replace("Steps: ", "Steps\\u003a ")


def used_models(
    models: Iterable[tuple[ModelIdentity, Collection[str]]], nodes: frozenset[str]
) -> list[ModelIdentity]:
    """The models that nodes which run name.

    Args:
        models: each with the ids of the nodes that name it.
    """
    return [identity for identity, used_by in models if not nodes.isdisjoint(used_by)]
