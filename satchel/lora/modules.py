"""Groups a file's modules by what matters to a module table: skeleton and shape.

A file of a thousand modules has some fifty groups, so tables are asked fifty times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .architectures import Indices, Shape, split_path
from .keys import Module
from .tensor_shapes import Adapter, read_adapter


@dataclass(slots=True)
class Group:
    """Modules that differ only in their block numbers."""

    skeleton: str
    shape: Shape
    example: str
    """The first module's flat path."""
    indices: set[Indices] = field(default_factory=set)


@dataclass(slots=True)
class GroupedModules:
    """A whole file."""

    denoiser: list[Group] = field(default_factory=list)
    encoders: dict[str, list[Group]] = field(default_factory=dict)
    """Prefix (`lora_te1_`, `text_encoder_2.`) -> that text encoder's groups."""
    algorithms: Counter[str] = field(default_factory=Counter)
    ranks: Counter[int] = field(default_factory=Counter)


def group_modules(modules: Iterable[Module]) -> GroupedModules:
    """Reads each module's adapter and sorts it into its group."""
    grouped = GroupedModules()
    groups: dict[tuple[str, str, Shape], Group] = {}
    # A thousand modules have some thirty combinations of tensors.
    adapters: dict[tuple[tuple[str, tuple[int, ...]], ...], Adapter] = {}
    uses: Counter[Adapter] = Counter()
    for module in modules:
        tensors = tuple(module.tensors.items())
        adapter = adapters.get(tensors)
        if adapter is None:
            adapter = adapters[tensors] = read_adapter(module.tensors)
        uses[adapter] += 1
        skeleton, indices = split_path(module.path)
        encoder = module.prefix if module.is_text_encoder else ""
        key = (encoder, skeleton, adapter.shape)
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(skeleton, adapter.shape, module.path)
            if module.is_text_encoder:
                grouped.encoders.setdefault(encoder, []).append(group)
            else:
                grouped.denoiser.append(group)
        group.indices.add(indices)
    for adapter, count in uses.items():
        grouped.algorithms[adapter.algorithm] += count
        if adapter.rank is not None:
            grouped.ranks[adapter.rank] += count
    return grouped
