"""A1111's `parameters` text for an image that ComfyUI made, as other sites and tools read it.

Keys as civitai/civitai reads them (src/utils/metadata/automatic.metadata.ts at `ebed661`); digests
are AutoV2, the first 10 digits of the SHA256.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ..folders import posix_name, without_extension
from ..identity import ModelIdentity
from .generation import Generation
from .lora_uses import LoraUse

_PREFIX = {"checkpoints": "model", "diffusion_models": "model", "vae": "vae", "loras": "lora",
           "embeddings": "embed", "hypernetworks": "hypernet"}  # fmt: skip
_UNREADABLE = re.compile(r"[^a-zA-Z0-9_.-]+")
"""Civitai reads no other characters in the name of a LoRA tag."""
SAMPLERS = {
    "euler": "Euler", "euler_ancestral": "Euler a", "heun": "Heun", "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a", "lms": "LMS", "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive", "dpmpp_2s_ancestral": "DPM++ 2S a", "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M", "dpmpp_2m_sde": "DPM++ 2M SDE", "dpmpp_3m_sde": "DPM++ 3M SDE",
    "ddim": "DDIM", "uni_pc": "UniPC", "lcm": "LCM",
}  # fmt: skip
"""A1111's names; what it does not have keeps ComfyUI's."""
SCHEDULES = {
    "karras": "Karras", "exponential": "Exponential", "sgm_uniform": "SGM Uniform",
    "simple": "Simple", "normal": "Normal", "ddim_uniform": "DDIM", "beta": "Beta",
    "kl_optimal": "KL Optimal",
}  # fmt: skip


def parameters_text(
    generation: Generation,
    loras: Sequence[LoraUse],
    models: Iterable[ModelIdentity],
    size: tuple[int, int],
) -> str:
    """The text.

    Args:
        models: all models of the graph; only those whose bytes are known get a hash.
        size: width and height of the image.
    """
    models = list(models)
    tags = [
        f"<lora:{_stem(use.name)}:{1.0 if use.strength is None else use.strength:g}>"
        for use in loras
    ]
    lines = [" ".join(filter(None, [generation.positive, *tags]))]
    if generation.negative:
        lines.append(f"Negative prompt: {generation.negative}")
    fields = [
        *_sampling(generation),
        ("Size", f"{size[0]}x{size[1]}"),
        *_hashes(generation, models),
    ]
    lines.append(", ".join(f"{key}: {value}" for key, value in fields if value))
    return "\n".join(lines)


def _sampling(generation: Generation) -> list[tuple[str, str]]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.15g}"

    denoise = generation.denoise if generation.denoise not in (None, 1) else None
    return [
        # Readers know the text by this key, so it is always there.
        ("Steps", number(generation.steps or 0)),
        ("Sampler", SAMPLERS.get(generation.sampler, generation.sampler)),
        ("Schedule type", SCHEDULES.get(generation.scheduler, generation.scheduler)),
        ("CFG scale", number(generation.cfg)),
        ("Seed", "" if generation.seed is None else str(generation.seed)),
        ("Denoising strength", number(denoise)),
    ]


def _hashes(generation: Generation, models: Sequence[ModelIdentity]) -> list[tuple[str, str]]:
    pinned = [(identity, identity.sha256) for identity in models if identity.sha256]
    hashes: dict[str, str] = {}
    for identity, sha256 in pinned:
        prefix = _PREFIX.get(identity.kind)
        if prefix is not None:
            alone = prefix in ("model", "vae")
            hashes.setdefault(prefix if alone else f"{prefix}:{_stem(identity.name)}", sha256[:10])
    # The model that the sampler uses, where several are loaded.
    for identity, sha256 in pinned:
        if posix_name(generation.model) == posix_name(identity.name):
            hashes["model"] = sha256[:10]
    loras = ", ".join(
        f"{key.partition(':')[2]}: {value}" for key, value in hashes.items() if "lora:" in key
    )
    return [
        ("Model hash", hashes.get("model", "")),
        ("Model", without_extension(PurePosixPath(posix_name(generation.model)).name)),
        ("VAE hash", hashes.get("vae", "")),
        ("Lora hashes", f'"{loras}"' if loras else ""),
        ("Hashes", json.dumps(hashes) if hashes else ""),
        ("Version", "ComfyUI"),
    ]


def _stem(name: str) -> str:
    return _UNREADABLE.sub("_", without_extension(PurePosixPath(posix_name(name)).name))
