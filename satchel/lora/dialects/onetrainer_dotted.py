"""diffusers' names with kohya tails."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "onetrainer_dotted",
    "OneTrainer LEGACY for Z-Image, FLUX.2, Qwen-Image",
    (Signature(("transformer.",), ("updown",), ("diffusers",)),),
    ("transformer.layers.0.attention.to_q.lora_down.weight",),
)
