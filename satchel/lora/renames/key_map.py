"""The names under which the connected models know their modules."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..keys import split_prefix
from .rule import Shape

Target = Any
"""A state-dict key, or `(key, (dim, start, length))`, or with a function third."""

MODEL_PREFIX = "diffusion_model."


@dataclass(frozen=True)
class KeyMap:
    """The host's key map, searchable by what is left of a name without its dialect."""

    names: Mapping[str, Target]
    """The host's own: LoRA module name -> target, for all connected models."""
    shape_of: Callable[[str], Shape | None]
    """State-dict key -> shape; None where it is not told."""
    model_file: str = ""
    """Name of the file that the diffusion model was loaded from, "" when unknown."""

    @cached_property
    def signature(self) -> str:
        """Digest of all that decides what a file matches: names, targets, shapes, model file."""
        keys = dict.fromkeys(key_of(target) for target in self.names.values())
        shapes = [(key, self.shape_of(key)) for key in keys]
        told = repr((list(self.names.items()), shapes, self.model_file))
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()

    @cached_property
    def by_path(self) -> dict[str, Target]:
        """Flat path -> target for the diffusion model; paths with two meanings are left out."""
        found: dict[str, Target] = {}
        ambiguous = set()
        for name, target in self.names.items():
            _, path, is_encoder = split_prefix(name)
            if is_encoder or not key_of(target).startswith(MODEL_PREFIX):
                continue
            if found.setdefault(path, target) != target:
                ambiguous.add(path)
        return {path: target for path, target in found.items() if path not in ambiguous}

    @cached_property
    def encoders(self) -> dict[str, dict[str, str]]:
        """Text encoder (`clip_l`, `t5xxl` ...) -> flat path inside it -> key."""
        found: dict[str, dict[str, str]] = {}
        for target in self.names.values():
            key = key_of(target)
            encoder, transformer, inner = key.partition(".transformer.")
            if transformer and key.endswith(".weight") and not key.startswith(MODEL_PREFIX):
                # Llama-like encoders wrap their layers in `model.`, which files leave out.
                path = inner.removesuffix(".weight").removeprefix("model.").replace(".", "_")
                found.setdefault(encoder, {})[path] = key
        return found


def key_of(target: Target) -> str:
    """The state-dict key that a target lies in."""
    key: str = target if isinstance(target, str) else target[0]
    return key
