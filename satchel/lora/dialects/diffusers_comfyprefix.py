"""diffusers' names under ComfyUI's prefix."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "diffusers_comfyprefix",
    "ai-toolkit for Z-Image",
    (
        Signature(
            ("diffusion_model.",),
            ("AB", "AB_bare", "AB_default", ""),
            ("diffusers",),
            ("native", "tencent"),
        ),
    ),
    ("diffusion_model.layers.0.attention.to_q.lora_A.weight",),
)
