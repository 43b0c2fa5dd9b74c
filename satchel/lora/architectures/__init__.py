"""The registry of architectures: an ordered list of families, and their compiled tables.

To add one: a file beside this one, a line in `_FAMILIES`, a key table in `tests/data/lora`.
The order is the order of candidates in an answer.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from functools import cache

from . import (
    auraflow,
    cosmos,
    ernie,
    flux,
    flux2,
    hidream,
    hunyuan,
    ideogram4,
    krea2,
    ltx,
    lumina,
    omnigen2,
    pixart,
    qwen_image,
    sd3,
    sd_unet,
    wan,
)
from .architecture import Architecture
from .encoders import ENCODERS
from .layout import Indices, Layout, Rule, Shape, join_path, split_path

__all__ = [
    "ARCHITECTURES", "ENCODERS", "Architecture", "Indices", "Layout", "Rule",
    "RuleTable", "Shape", "architecture_rules", "encoder_rules",
    "join_path", "matching_namings", "split_path", "stack_blocks",
]  # fmt: skip

_FAMILIES = (
    sd_unet, sd3, flux, flux2, qwen_image, lumina, wan, hunyuan, ltx,
    hidream, auraflow, cosmos, pixart, omnigen2, krea2, ernie, ideogram4,
)  # fmt: skip

ARCHITECTURES: dict[str, Architecture] = {
    architecture.id: architecture for family in _FAMILIES for architecture in family.ARCHITECTURES
}

RuleTable = dict[str, list[Rule]]
"""Skeleton of a module path -> the modules under it, one rule for each shape and naming."""


@cache
def architecture_rules(architecture_id: str) -> RuleTable:
    """All modules of an architecture. Compiled at the first use, then kept."""
    return _rule_table(ARCHITECTURES[architecture_id].layouts)


@cache
def encoder_rules(encoder: str) -> RuleTable:
    """All modules of a text encoder."""
    return _rule_table((ENCODERS[encoder],))


@cache
def stack_blocks(architecture_id: str) -> dict[str, dict[str, frozenset[str]]]:
    """Naming -> stack -> the numbers of its blocks."""
    stacks = ARCHITECTURES[architecture_id].stacks
    found: dict[str, dict[str, frozenset[str]]] = {}
    for skeleton, rules in architecture_rules(architecture_id).items():
        stack = skeleton.partition("#")[0]
        if stack in stacks and "#" in skeleton:
            for rule in rules:
                blocks = found.setdefault(rule.naming, {})
                numbers = frozenset(index[0] for index in rule.indices)
                blocks[stack] = blocks.get(stack, frozenset()) | numbers
    return found


def matching_namings(rules: Sequence[Rule], shape: Shape, indices: Set[Indices]) -> set[str]:
    """The namings under which there are all modules of this shape and these numbers.

    `rules` are those of the modules' skeleton.
    """
    fitting = [rule for rule in rules if rule.fits(shape)]
    namings = {rule.naming for rule in fitting if indices <= rule.indices}
    if namings or len(fitting) < 2:
        return namings
    # A file that does not tell the shape (IA3, an orphan half) may span several rules.
    covered: dict[str, set[Indices]] = {}
    for rule in fitting:
        covered.setdefault(rule.naming, set()).update(rule.indices)
    return {naming for naming, numbers in covered.items() if indices <= numbers}


def _rule_table(layouts: tuple[Layout, ...]) -> RuleTable:
    # Rows with the same skeleton and shape (a UNet's blocks, say) become one rule.
    merged: dict[tuple[object, ...], Rule] = {}
    table: RuleTable = {}
    for layout in layouts:
        for rule in layout.rules():
            key = (rule.skeleton, rule.naming, rule.out, rule.inputs, rule.dims)
            known = merged.get(key)
            if known is None:
                merged[key] = rule
                table.setdefault(rule.skeleton, []).append(rule)
            else:
                known.indices |= rule.indices
    return table
