"""How reports speak of the modules in a LoRA file: which there are, and many of them briefly."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .keys import split_prefix, split_tail

_ACCESSORIES = frozenset({"alpha", "dora_scale", "reshape_weight", "rescale"})
"""Roles of tensors that adapt nothing alone."""


def modules_of(tensors: Iterable[str]) -> set[str]:
    """The modules that these tensors adapt, named as the host's key map names them.

    A tensor with a foreign name counts as a module of its own.
    """
    modules = set()
    for name in tensors:
        split = split_tail(name)
        if split is None:
            modules.add(name)
        elif split[1].role not in _ACCESSORIES:
            base, tail = split
            # Diffusers up to 0.22 wrote `to_q_lora.down.weight` for the module `to_q`.
            modules.add(base.removesuffix("_lora") if tail.spelling == "plain" else base)
    return modules


def is_encoder_module(module: str) -> bool:
    """Whether a module's name says that it belongs to a text encoder."""
    return split_prefix(module)[2]


def group_names(names: Iterable[str]) -> list[tuple[str, int]]:
    """Folds names that differ only in numbers: `a_{n}_b` and how many, most frequent first.

    A lone name keeps its numbers.
    """
    patterns: dict[str, list[str]] = {}
    for name in names:
        patterns.setdefault(_fold(name), []).append(name)
    counts = [
        (members[0] if len(members) == 1 else pattern, len(members))
        for pattern, members in patterns.items()
    ]
    return sorted(counts, key=lambda item: (-item[1], item[0]))


def _fold(name: str) -> str:
    """Numbers that stand alone become `{n}`; those of a word stay: `attn1`, `fc1`, `lora_te2`."""
    return re.sub(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])", "{n}", name)
