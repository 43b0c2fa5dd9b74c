"""Text encoder modules that the host's key map does not name.

The path inside tells the kind of encoder (CLIP, T5, a language model), the prefix which of two
CLIPs. No model has two T5s or two language models.
"""

from __future__ import annotations

import re

from .key_map import KeyMap, Target

_SECOND = frozenset({"lora_te2_", "text_encoder_2.", "clip_g."})
_OLD_ATTENTION = re.compile(r"(.*_self_attn)_to_(q|k|v|out)")


def find_encoder_module(prefix: str, path: str, key_map: KeyMap) -> Target | None:
    """The target of a text encoder's module: a key of the connected CLIP, or None."""
    # diffusers up to 0.22 named the processors' attention as in the UNet.
    path = _OLD_ATTENTION.sub(r"\1_\2_proj", path)
    found = [encoder for encoder, keys in key_map.encoders.items() if path in keys]
    if path.startswith("text_model_"):
        found = [encoder for encoder in found if encoder == _clip(prefix, found)]
    return key_map.encoders[found[0]][path] if len(found) == 1 else None


def _clip(prefix: str, found: list[str]) -> str:
    if prefix.rstrip(".") in found:
        return prefix.rstrip(".")
    if prefix in _SECOND:
        return "clip_g"
    return next((name for name in ("clip_l", "clip_h") if name in found), "clip_g")
