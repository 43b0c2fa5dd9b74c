"""Groups a file's modules by what matters to a module table: skeleton and shape.

A file of a thousand modules has some fifty groups, so tables are asked fifty times.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..tensor_info import TensorInfo
from .architectures import Indices, Shape, join_path
from .keys import is_adapted
from .name_patterns import Spelling, name_patterns
from .tensor_shapes import Tensors, read_adapter

Sizes = tuple[int, ...]


@dataclass(slots=True)
class Group:
    """Modules that differ only in their block numbers."""

    skeleton: str
    shape: Shape
    first: Indices
    """The numbers of the first module."""
    indices: set[Indices] = field(default_factory=set)

    @property
    def example(self) -> str:
        """The first module's flat path."""
        return join_path(self.skeleton, self.first)


@dataclass(slots=True)
class Written:
    """How the names of some modules are written, which tells their dialect."""

    base: str
    """As in the file, block numbers as `#`."""
    prefix: str
    is_text_encoder: bool
    tail: str
    """How the tails are written (`keys.Tail.spelling`)."""
    roles: set[str]
    count: int


@dataclass(slots=True)
class GroupedModules:
    """A whole file."""

    denoiser: list[Group] = field(default_factory=list)
    encoders: dict[str, list[Group]] = field(default_factory=dict)
    """Prefix (`lora_te1_`, `text_encoder_2.`) -> that text encoder's groups."""
    algorithms: Counter[str] = field(default_factory=Counter)
    ranks: Counter[int] = field(default_factory=Counter)
    written: list[Written] = field(default_factory=list)


@dataclass(slots=True)
class _Modules:
    """Modules whose names differ in their numbers only, tensor by tensor."""

    spelling: Spelling
    tail: str = ""
    columns: dict[str, tuple[list[Indices], list[Sizes]]] = field(default_factory=dict)
    """Role -> the numbers and the shapes of all tensors with it."""

    def add(self, spelling: Spelling, indices: list[Indices], shapes: list[Sizes]) -> None:
        known = self.columns.get(spelling.role)
        if known is None:
            self.columns[spelling.role] = (indices, shapes)
        else:
            known[0].extend(indices)
            known[1].extend(shapes)
        self.tail = spelling.tail or self.tail

    def adapted(self) -> Iterator[tuple[Tensors, list[Indices]]]:
        """The tensors of an adapted module, and the numbers of all modules that have the same."""
        (first, _), *others = self.columns.values()
        if all(indices == first for indices, _ in others) and len(set(first)) == len(first):
            if not is_adapted(self.columns):
                return
            same: dict[tuple[Sizes, ...], list[Indices]] = defaultdict(list)
            rows = zip(*(shapes for _, shapes in self.columns.values()), strict=True)
            for numbers, row in zip(first, rows, strict=True):
                same[row].append(numbers)
            for row, members in same.items():
                yield dict(zip(self.columns, row, strict=True)), members
            return
        # Some lack a tensor, or have one twice.
        modules: dict[Indices, dict[str, Sizes]] = defaultdict(dict)
        for role, (indices, shapes) in self.columns.items():
            for numbers, shape in zip(indices, shapes, strict=True):
                modules[numbers][role] = shape
        for numbers, tensors in modules.items():
            if is_adapted(tensors):
                yield tensors, [numbers]


def group_modules(tensors: Mapping[str, TensorInfo]) -> GroupedModules:
    """Reads the adapters of a file and sorts their modules into groups."""
    modules: dict[str, _Modules] = {}
    for spelling, names, indices in name_patterns(list(tensors)):
        some = modules.get(spelling.base)
        if some is None:
            some = modules[spelling.base] = _Modules(spelling)
        some.add(spelling, indices, [tensors[name].shape for name in names])
    grouped = GroupedModules()
    groups: dict[tuple[str, str, Shape], Group] = {}
    for base, some in modules.items():
        spelling = some.spelling
        written = Written(base, spelling.prefix, spelling.is_text_encoder, some.tail, set(), 0)
        for roles, numbers in some.adapted():
            adapter = read_adapter(roles)
            group = _group(grouped, groups, spelling, adapter.shape, numbers[0])
            group.indices.update(numbers)
            grouped.algorithms[adapter.algorithm] += len(numbers)
            if adapter.rank is not None:
                grouped.ranks[adapter.rank] += len(numbers)
            written.roles.update(roles)
            written.count += len(numbers)
        if written.count:
            grouped.written.append(written)
    return grouped


def _group(
    grouped: GroupedModules,
    groups: dict[tuple[str, str, Shape], Group],
    spelling: Spelling,
    shape: Shape,
    numbers: Indices,
) -> Group:
    encoder = spelling.prefix if spelling.is_text_encoder else ""
    key = (encoder, spelling.skeleton, shape)
    group = groups.get(key)
    if group is None:
        group = groups[key] = Group(spelling.skeleton, shape, numbers)
        if spelling.is_text_encoder:
            grouped.encoders.setdefault(encoder, []).append(group)
        else:
            grouped.denoiser.append(group)
    return group
