"""Builds the file of a case for a model with given weights."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .algorithms import Writer, Written
from .dialects import DIALECTS, KOHYA, PROCESSOR, encoder_style, flat
from .diffusers_names import Spelled, unet_name
from .inventory import SD_UNETS, Weight, adapted_modules, encoder_modules, norms, weights_of
from .matrix import ENCODERS, Case

MAX_BYTES = 12_000_000
_CONVOLUTIONAL = frozenset({
    "locon", "locon_tucker", "loha", "loha_tucker", "lokr", "lokr_full", "glora", "boft", "oft",
    "full", "ia3",
})  # fmt: skip
_MAX_MODULES = {"full": 3, "oft": 40, "oft_kohya": 12, "boft": 15, "glora": 40, "ot_oft": 40}
_WITH_ENCODERS = frozenset({"lora", "loha", "lokr", "dora", "dora_in"})
_OFT_TARGETS = re.compile(r"attn.*(to_|qkv|_proj$|\.proj$)")


@dataclass
class CaseFile:
    """What a trainer would have written, and what it means."""

    tensors: dict[str, torch.Tensor]
    metadata: dict[str, str]
    written: list[Written]
    encoder_keys: dict[str, tuple[int, int]]
    """Text encoder key -> shape of its weight."""


def build(case: Case, shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> CaseFile:
    """Builds a case for a diffusion model with these state-dict shapes."""
    architecture, dialect, algorithm, with_encoders = case
    weights = weights_of(shapes)
    modules = _modules(case, weights)
    encoders = [
        (encoder, list(encoder_modules(encoder)))
        for encoder in (ENCODERS.get(architecture, ()) if with_encoders else ())
    ]
    half = torch.float16 if architecture in SD_UNETS else torch.bfloat16
    style = DIALECTS[dialect].style
    alpha = 1.0 if style == KOHYA and algorithm == "lora" else None
    writer = Writer(seed, half, style, _rank(case, modules, encoders), alpha)
    for weight, spelled in modules:
        for name, start, length in spelled:
            writer.module(
                algorithm, name, f"diffusion_model.{weight.name}.weight", (start, length),
                (length, *weight.shape[1:]), weight.has_bias and len(spelled) == 1,
            )  # fmt: skip
    if dialect == "bfl_control":
        _add_control(writer, weights)
    encoder_keys = {}
    for encoder, parts in encoders:
        encoder_keys |= _add_encoder(writer, case, encoder, parts)
    if not writer.written:
        raise ValueError(f"{case} has no module")
    return CaseFile(writer.tensors, _metadata(algorithm), writer.written, encoder_keys)


def _modules(case: Case, weights: list[Weight]) -> list[tuple[Weight, list[Spelled]]]:
    architecture, dialect, algorithm, _ = case
    if algorithm == "norm":
        prefix = "lora_unet_{}" if dialect == "kohya" else "diffusion_model.{}"
        return [(w, [Spelled(prefix.format(_norm_name(case, w)), 0, w.shape[0])])
                for w in norms(weights)]  # fmt: skip
    adapted = adapted_modules(
        architecture, weights, algorithm in _CONVOLUTIONAL, dialect == "bfl_control"
    )
    if algorithm == "oft_kohya":
        adapted = [w for w in adapted if _OFT_TARGETS.search(w.name)]
    spelled = [(w, DIALECTS[dialect].spell(architecture, w)) for w in adapted]
    return [item for item in spelled if item[1]][: _MAX_MODULES.get(algorithm)]


def _norm_name(case: Case, weight: Weight) -> str:
    if case.dialect != "kohya":
        return weight.name
    named = case.architecture in {"sd15", "sd21"}
    return flat(unet_name(case.architecture, weight.name) if named else weight.name)


def _rank(case, modules, encoders) -> int:
    """The largest of a few ranks at which the file stays small."""
    factor = {"splitqkv": 4, "loha": 2, "loha_tucker": 2}.get(case.algorithm, 1)
    parts = [(s.length, *w.shape[1:]) for w, spelled in modules for s in spelled]
    parts += [shape for _, listed in encoders for _, shape in listed]
    for rank in (8, 4):
        numbers = sum(min(rank, p[0]) * (p[0] + math.prod(p[1:])) for p in parts)
        if 2 * factor * numbers < MAX_BYTES:
            return rank
    return 2


def _add_control(writer: Writer, weights: list[Weight]) -> None:
    """BFL's control LoRAs: biases, whole norms, and `img_in` widened from 64 to 128 inputs."""
    for written in writer.written:
        if "up" in written.tensors:
            bias = torch.randn(written.length, generator=writer.generator) * 1e-3
            written.tensors["diff_b"] = bias.to(writer.dtype)
            writer.tensors[f"{written.base}.lora_B.bias"] = written.tensors["diff_b"]
    for weight in weights:
        if weight.name.endswith(("query_norm", "key_norm")):
            writer.tensors[f"{weight.name}.scale"] = torch.ones(weight.shape, dtype=writer.dtype)


def _add_encoder(
    writer: Writer, case: Case, encoder: str, parts: list[tuple[str, tuple[int, int]]]
) -> dict[str, tuple[int, int]]:
    spelling = encoder_style(case.dialect, case.architecture, encoder)
    if spelling is None:
        return {}
    inside = "transformer.model." if encoder == "qwen3_06b" else "transformer."
    algorithm = case.algorithm if case.algorithm in _WITH_ENCODERS else "lora"
    keys, before = {}, writer.style
    writer.style = PROCESSOR if spelling.processors else spelling.style
    for module, shape in parts:
        name = spelling.name(module)
        if name is not None:
            key = f"{encoder}.{inside}{module}.weight"
            keys[key] = shape
            writer.module(algorithm, name, key, (0, shape[0]), shape)
    writer.style = before
    return keys


def _metadata(algorithm: str) -> dict[str, str]:
    if algorithm == "splitqkv":
        return {"ss_network_args": json.dumps({"split_qkv": "True"})}
    return {"format": "pt"}
