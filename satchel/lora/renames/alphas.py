"""Scales that a file means, where its alphas do not say so."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .file_modules import FileModule

PEFT_METADATA = "lora_adapter_metadata"
_FUSED = (("attn_qkv", 3), ("_linear1", 4))
_ROOT = re.compile(r"(transformer|unet|text_encoder(?:_[234])?|diffusion_model)\.")


def peft_alphas(
    metadata: Mapping[str, str], modules: Iterable[FileModule]
) -> tuple[dict[str, float], list[str]]:
    """Module name -> the alpha that diffusers recorded, where it differs from the rank.

    diffusers (`_collate_lora_metadata`) stores each component's PEFT `LoraConfig` in the header,
    keys prefixed with the component's name; PEFT multiplies by `lora_alpha / r`, or
    `lora_alpha / sqrt(r)` with `use_rslora`. Modules that have an `.alpha` keep it.

    Returns:
        the alphas, and notes for the report.
    """
    text = metadata.get(PEFT_METADATA)
    if text is None:
        return {}, []
    try:
        config = json.loads(text)
        if not isinstance(config, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError):
        return {}, [f"{PEFT_METADATA} in the header is no JSON object: alphas are unknown"]
    found = {}
    for module in modules:
        if module.algorithm == "lora" and "alpha" not in module.tensors:
            alpha = _peft_alpha(config, module)
            if alpha is not None and alpha != module.rank:
                found[module.name] = alpha
    return found, [f"alphas from {PEFT_METADATA}: {len(found)} modules"] if found else []


def _peft_alpha(config: Mapping[str, Any], module: FileModule) -> float | None:
    root = _ROOT.match(module.name)
    component = f"{root[1]}." if root else ""
    prefix = component if f"{component}lora_alpha" in config else ""
    alpha = config.get(f"{prefix}lora_alpha")
    patterns = config.get(f"{prefix}alpha_pattern")
    if isinstance(patterns, dict):
        name = module.name.removeprefix(component)
        alpha = next((value for key, value in patterns.items() if _matches(key, name)), alpha)
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)):
        return None
    return float(alpha) * (module.rank**0.5 if config.get(f"{prefix}use_rslora") else 1.0)


def _matches(pattern: str, name: str) -> bool:
    """As PEFT's `get_pattern_key`: a module's name or its end, as a regular expression."""
    try:
        return re.match(rf"(.*\.)?({pattern})$", name) is not None
    except re.error:
        return False


@dataclass(frozen=True, slots=True)
class SplitQkv:
    """A fused module that was trained in parts and merged with the alpha of one part."""

    factor: int
    """How many parts: the alpha must be multiplied by it."""
    rows: tuple[int, ...]
    """Rows of each part; each reads `rank / factor` of the columns of `up`, and the rest of
    the matrix is zero in a file of this kind."""


def split_qkv_modules(
    metadata: Mapping[str, str], modules: Iterable[FileModule], alphas: Mapping[str, float]
) -> dict[str, SplitQkv]:
    """Modules that sd-scripts trained with `split_qkv=True` and merged when saving.

    It stacks the downs, lays the ups out block-diagonally and keeps alpha, so alpha / rank is a
    third (a quarter for `linear1`) of what was trained (kohya-ss/sd-scripts#2204). Recognised by
    `ss_network_args`, or by ranks: all fused modules have 3 (4) times the others' rank at equal
    alpha. Whoever applies it must see that `up` is block-diagonal.
    """
    modules = [module for module in modules if module.algorithm == "lora"]
    fused = {module.name: (module, factor) for module in modules
             for suffix, factor in _FUSED
             if module.prefix == "lora_unet_" and module.path.endswith(suffix)
             and module.name in alphas and len(module.shapes["down"]) == 2}  # fmt: skip
    others = Counter(
        (module.rank, alphas.get(module.name))
        for module in modules
        if module.name not in fused and not module.is_encoder
    )
    declared = _declares_split(metadata)
    usual = others.most_common(1)[0][0] if others else None
    for name, (module, factor) in fused.items():
        if module.rank % factor:
            return {}
        if not declared and usual != (module.rank // factor, alphas[name]):
            return {}
    return {name: SplitQkv(factor, _rows(module)) for name, (module, factor) in fused.items()}


def _rows(module: FileModule) -> tuple[int, ...]:
    rows, columns = module.shapes["up"][0], module.shapes["down"][1]
    if module.path.endswith("attn_qkv"):
        return (rows // 3,) * 3
    return (columns,) * 3 + (rows - 3 * columns,)


def _declares_split(metadata: Mapping[str, str]) -> bool:
    try:
        arguments = json.loads(metadata.get("ss_network_args", ""))
    except (ValueError, RecursionError):
        return False
    return isinstance(arguments, dict) and str(arguments.get("split_qkv")).lower() == "true"
