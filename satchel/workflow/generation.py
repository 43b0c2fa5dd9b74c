"""How a queued graph makes its image, in the words of A1111: prompts, sampler, steps, seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .api_values import Json, inputs_of, is_link, number_behind, value_behind

_MAX_NODES = 10_000
_SAMPLERS = (
    "KSampler", "KSamplerAdvanced", "KSampler (Efficient)", "SamplerCustom",
    "SamplerCustomAdvanced",
)  # fmt: skip
_TEXTS = ("text", "text_g", "text_l", "prompt", "clip_l", "t5xxl", "tags")
"""Inputs of the core's prompt nodes, those that say the most first."""
_LOADERS = (
    ("CheckpointLoaderSimple", "ckpt_name"), ("CheckpointLoader", "ckpt_name"),
    ("UNETLoader", "unet_name"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Generation:
    """What the first sampler before an image is given; what only a run tells is None or empty."""

    positive: str = ""
    negative: str = ""
    steps: int | None = None
    cfg: float | None = None
    seed: int | None = None
    sampler: str = ""
    """ComfyUI's name."""
    scheduler: str = ""
    denoise: float | None = None
    model: str = ""
    """File name of the checkpoint or diffusion model, as the loader has it."""


def generation_of(graph: Json, end: str | None = None) -> Generation:
    """Reads a queued graph.

    Args:
        end: the node whose image it is about; without it, the first sampler of the graph counts.
    """
    sampler = _first(graph, end, _SAMPLERS) if end is not None else None
    if sampler is None:
        ids = [key for key, node in graph.items() if node.get("class_type") in _SAMPLERS]
        if not ids:
            return Generation(model=_model(graph, end))
        sampler = ids[0]
    inputs = dict(inputs_of(graph[sampler]))
    for name in ("noise", "sampler", "sigmas", "guider"):
        if is_link(inputs.get(name)):  # SamplerCustom's parts are nodes of their own
            inputs = {**inputs_of(graph.get(inputs[name][0])), **inputs}
    cfg = number_behind(graph, inputs.get("cfg"))
    positive = inputs.get("positive", inputs.get("conditioning"))
    guidance = _first(graph, positive[0], ("FluxGuidance",)) if is_link(positive) else None
    if guidance is not None and cfg in (None, 1):
        cfg = number_behind(graph, inputs_of(graph[guidance]).get("guidance"))
    seed = inputs.get("seed", inputs.get("noise_seed"))
    return Generation(
        positive=_text(graph, positive),
        negative=_text(graph, inputs.get("negative")),
        steps=_whole(number_behind(graph, inputs.get("steps"))),
        cfg=cfg,
        seed=_whole(number_behind(graph, seed)),
        sampler=_word(graph, inputs.get("sampler_name")),
        scheduler=_word(graph, inputs.get("scheduler")),
        denoise=number_behind(graph, inputs.get("denoise")),
        model=_model(graph, sampler),
    )


def _first(graph: Json, end: str, types: tuple[str, ...]) -> str | None:
    """The node of these types that is fewest links before `end`, or is it."""
    level, seen = [end], {end}
    while level and len(seen) < _MAX_NODES:
        for node_id in level:
            if graph.get(node_id, {}).get("class_type") in types:
                return node_id
        before = [
            link[0]
            for node_id in level
            for link in inputs_of(graph.get(node_id)).values()
            if is_link(link) and link[0] not in seen
        ]
        level = list(dict.fromkeys(before))
        seen.update(level)
    return None


def _text(graph: Json, conditioning: Any) -> str:
    """The prompt behind a conditioning; of several that are combined, the first."""
    pending: list[Any] = [conditioning]
    seen: set[tuple[str, str]] = set()
    while pending and len(seen) < _MAX_NODES:
        link = pending.pop(0)
        if not is_link(link) or (link[0], str(link[1])) in seen:
            continue
        seen.add((link[0], str(link[1])))
        inputs = inputs_of(graph.get(link[0]))
        texts = [value_behind(graph, inputs[name]) for name in _TEXTS if name in inputs]
        told = [text for text in texts if isinstance(text, str) and text.strip()]
        if told:
            return told[0].strip()
        if "positive" in inputs and "negative" in inputs:  # one node for both: a slot for each
            pending.append(inputs["negative" if link[1] == 1 else "positive"])
        else:
            pending += inputs.values()
    return ""


def _model(graph: Json, end: str | None) -> str:
    types = tuple(class_type for class_type, _ in _LOADERS)
    loader = _first(graph, end, types) if end is not None else None
    if loader is None:
        return ""
    name = dict(_LOADERS)[graph[loader]["class_type"]]
    value = value_behind(graph, inputs_of(graph[loader]).get(name))
    return value if isinstance(value, str) else ""


def _word(graph: Mapping[str, Any], value: Any) -> str:
    found = value_behind(graph, value)
    return found if isinstance(found, str) else ""


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)
