"""Identifies the connected diffusion model, from its weights alone.

A model is held against the same module tables as a LoRA file (`candidates.py`). A LoRA may have a
part of a model's modules, a model has all of them: of two architectures that fit, the one with the
fewest modules that the model lacks is meant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .architectures import Shape, architecture_rules, split_path
from .block_layouts import MODEL_PREFIX
from .candidates import narrow_candidates
from .modules import Group, GroupedModules

_WEIGHT = ".weight"


def identify_model(shapes: Mapping[str, tuple[int, ...] | None]) -> tuple[str, ...]:
    """The architectures that a model may be, ids of `architectures`: one, or more in registry
    order if its weights do not tell them apart, or none that is known.

    Args:
        shapes: state-dict key -> shape of its weight; None where it is not known.
    """
    groups: dict[tuple[str, Shape], Group] = {}
    for key, size in shapes.items():
        if key.startswith(MODEL_PREFIX) and key.endswith(_WEIGHT):
            path = key[len(MODEL_PREFIX) : -len(_WEIGHT)].replace(".", "_")
            skeleton, indices = split_path(path)
            shape = _shape(size)
            group = groups.setdefault((skeleton, shape), Group(skeleton, shape, indices))
            group.indices.add(indices)
    candidates = narrow_candidates(GroupedModules(list(groups.values())), ()).candidates
    if len(candidates) < 2:
        return candidates
    has = {(group.skeleton, indices) for group in groups.values() for indices in group.indices}
    lacks = {id_: len(_modules(id_) - has) for id_ in candidates}
    return tuple(id_ for id_ in candidates if lacks[id_] == min(lacks.values()))


def _shape(size: tuple[int, ...] | None) -> Shape:
    if not size:
        return Shape()
    return Shape(size[0], math.prod(size[1:]), len(size)) if len(size) > 1 else Shape(size[0])


def _modules(id_: str) -> set[tuple[str, tuple[str, ...]]]:
    return {
        (skeleton, indices)
        for skeleton, rules in architecture_rules(id_).items()
        for rule in rules
        if rule.naming == "native"
        for indices in rule.indices
    }
