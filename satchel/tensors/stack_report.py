"""How strongly each LoRA of a stack changes each slot, and which of them pull the same way.

The change that a patch makes to a weight is `delta = strength * scale * up @ down` for a plain
pair. Neither its Frobenius norm nor the inner product of two of them needs the matrix:

    <U1 D1, U2 D2> = trace(D1^T U1^T U2 D2) = sum((U1^T U2) * (D1 D2^T))

which are two rank x rank matrices. Norms are `sqrt(<delta, delta>)`. Changes of other kinds come
as dense matrices, one weight at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from .fuse import ScaledPatch
from .patches import Patch

DenseChange = Callable[[ScaledPatch], torch.Tensor]
"""What a patch that is no plain pair adds to its whole weight, flattened to [out, in * kernel]."""
Span = tuple[int, int]
"""First index, and the one behind the last."""

MAX_PAIRS = 20
"""So many pairs of LoRAs are listed in the text."""
OPPOSED = -0.05
"""Cosines below this are told: what is nearer to 0 is chance."""


@dataclass(frozen=True, slots=True)
class StackFigures:
    """Inner products of the changes that the entries of a stack make, slot by slot."""

    slots: tuple[str, ...]
    products: torch.Tensor
    """[slots, entries, entries], float64, symmetric in the last two."""

    @property
    def entries(self) -> int:
        return int(self.products.shape[1])

    def norm(self, entry: int, slot: int) -> float:
        """Frobenius norm of all that an entry changes in a slot."""
        return math.sqrt(max(float(self.products[slot, entry, entry]), 0.0))

    def total(self, entry: int) -> float:
        """Frobenius norm of all that an entry changes."""
        return math.sqrt(max(float(self.products[:, entry, entry].sum()), 0.0))

    def cosine(self, first: int, second: int, slot: int | None = None) -> float | None:
        """From -1 (they undo each other) over 0 (unrelated) to 1 (the same direction), in all or
        in one slot; None where one of them changes nothing."""
        chosen = self.products if slot is None else self.products[slot : slot + 1]
        inner, own, other = (
            float(chosen[:, i, j].sum())
            for i, j in ((first, second), (first, first), (second, second))
        )
        if own <= 0 or other <= 0:
            return None
        return max(-1.0, min(1.0, inner / math.sqrt(own * other)))

    def strongest(self, entry: int, count: int = 3) -> list[int]:
        """Slots that an entry changes most, the strongest first."""
        changed = [slot for slot in range(len(self.slots)) if self.norm(entry, slot)]
        return sorted(changed, key=lambda slot: -self.norm(entry, slot))[:count]

    def opposed(self, first: int, second: int) -> int | None:
        """The slot in which two entries work against each other most, if there is one."""
        if not self.slots:
            return None
        slot = int(self.products[:, first, second].argmin())
        cosine = self.cosine(first, second, slot)
        return slot if cosine is not None and cosine < OPPOSED else None

    def agreeing(self, first: int, second: int) -> int | None:
        """The slot in which two entries do the same most, if there is one."""
        if not self.slots:
            return None
        slot = int(self.products[:, first, second].argmax())
        cosine = self.cosine(first, second, slot)
        return slot if cosine is not None and cosine > -OPPOSED else None


@dataclass(slots=True)
class _Part:
    """Changes of one weight that lie in the same rectangle of it, the weight seen as a matrix."""

    rows: Span
    columns: Span
    owners: torch.Tensor
    """[entries, ranks], 1 where a rank belongs to an entry; float64."""
    up: torch.Tensor
    """[ranks, rows] of plain pairs; a dense change [rows, columns] if `down` is None. float32."""
    down: torch.Tensor | None
    """[ranks, columns], with all factors."""


def measure_stack(
    entries: Sequence[Iterable[ScaledPatch]],
    slot_of: Callable[[str], str],
    slots: Sequence[str],
    dense: DenseChange,
    device: torch.device | None = None,
) -> StackFigures:
    """Compares what the entries of a stack change.

    Args:
        entries: the patches of each entry, with their strengths.
        slot_of: state-dict key -> name of its slot, one of `slots`.
        device: where to compute; None for the CPU.
    """
    by_key: dict[str, list[tuple[int, ScaledPatch]]] = {}
    for entry, patches in enumerate(entries):
        for item in patches:
            by_key.setdefault(item.patch.key, []).append((entry, item))
    products = torch.zeros(len(slots), len(entries), len(entries), dtype=torch.float64)
    place = {slot: index for index, slot in enumerate(slots)}
    for key, items in by_key.items():
        parts = _parts(items, len(entries), dense, device or torch.device("cpu"))
        for index, first in enumerate(parts):
            for second in parts[index:]:
                inner = _inner(first, second)
                products[place[slot_of(key)]] += (inner + inner.T) / (2 if first is second else 1)
    return StackFigures(tuple(slots), products)


def _parts(
    items: Iterable[tuple[int, ScaledPatch]], count: int, dense: DenseChange, device: torch.device
) -> list[_Part]:
    """The changes of one weight: plain pairs joined by their rectangles, others one by one."""
    parts: list[_Part] = []
    groups: dict[tuple[Span, Span], list[tuple[int, torch.Tensor, torch.Tensor]]] = {}
    for entry, item in items:
        if not item.patch.is_plain:
            whole = dense(item).to(device, torch.float32)
            spans = (0, whole.shape[0]), (0, whole.shape[1])
            parts.append(_Part(*spans, _owners([(entry, 1)], count), whole, None))
            continue
        up, down = (
            tensor.to(device, torch.float32).flatten(1) for tensor in item.patch.weights[:2]
        )
        if not isinstance(item.patch.target, str) and len(item.patch.target) > 2:
            up = item.patch.target[2](up)  # the host's functions only exchange rows
        spans = _rectangle(item.patch, up.shape[0], down.shape[1])
        factor = item.strength * item.patch.scale
        groups.setdefault(spans, []).append((entry, up.T, down * factor))
    for spans, members in groups.items():
        owners = _owners([(entry, len(down)) for entry, _, down in members], count)
        ups = torch.cat([up for _, up, _ in members])
        downs = torch.cat([down for _, _, down in members])
        parts.append(_Part(*spans, owners, ups, downs))
    return parts


def _owners(ranks: Sequence[tuple[int, int]], count: int) -> torch.Tensor:
    """A column for each rank, with a 1 for the entry that it belongs to."""
    entries = torch.tensor([entry for entry, rank in ranks for _ in range(rank)])
    return torch.nn.functional.one_hot(entries, count).T.double()


def _rectangle(patch: Patch, rows: int, columns: int) -> tuple[Span, Span]:
    """Where in its weight a patch lies: all of it, unless it is for a slice."""
    if isinstance(patch.target, str) or patch.target[1] is None:
        return (0, rows), (0, columns)
    dim, start, length = patch.target[1]
    if dim == 0:
        return (start, start + rows), (0, columns)
    kernel = columns // length
    return (0, rows), (start * kernel, start * kernel + columns)


def _inner(first: _Part, second: _Part) -> torch.Tensor:
    """[entries, entries]: sums of the products of changes, element by element, where they overlap:
    those of `first` in the rows, those of `second` in the columns."""
    rows = max(first.rows[0], second.rows[0]), min(first.rows[1], second.rows[1])
    columns = max(first.columns[0], second.columns[0]), min(first.columns[1], second.columns[1])
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return torch.zeros(len(first.owners), len(second.owners), dtype=torch.float64)
    if first.down is None and second.down is not None:
        return _inner(second, first).T
    up_1, down_1 = _cropped(first, rows, columns)
    up_2, down_2 = _cropped(second, rows, columns)
    if down_1 is not None and down_2 is not None:
        product = ((up_1 @ up_2.T) * (down_1 @ down_2.T)).double()
    elif down_1 is not None:
        product = ((up_1 @ up_2) * down_1).sum(1, keepdim=True, dtype=torch.float64)
    else:
        product = (up_1 * up_2).sum(dtype=torch.float64).reshape(1, 1)
    return first.owners @ product.cpu() @ second.owners.T


def _cropped(part: _Part, rows: Span, columns: Span) -> tuple[torch.Tensor, torch.Tensor | None]:
    top, bottom = rows[0] - part.rows[0], rows[1] - part.rows[0]
    left, right = columns[0] - part.columns[0], columns[1] - part.columns[0]
    if part.down is None:
        return part.up[top:bottom, left:right], None
    return part.up[:, top:bottom], part.down[:, left:right]


def format_figures(figures: StackFigures, labels: Sequence[str]) -> str:
    """Text of the figures: a line for each entry, then one for each pair, the most alike first."""
    lines = ["Size of the changes (Frobenius norm of strength x delta):"]
    for entry, label in enumerate(labels):
        most = [f"{figures.slots[slot]} {figures.norm(entry, slot):.3g}"
                for slot in figures.strongest(entry)]  # fmt: skip
        where = f"; most in {', '.join(most)}" if most else ""
        lines.append(f"  {label}: {figures.total(entry):.3g}{where}")
    pairs = [
        (cosine, i, j)
        for i in range(figures.entries)
        for j in range(i + 1, figures.entries)
        if (cosine := figures.cosine(i, j)) is not None
    ]
    if pairs:
        lines.append("Similarity (cosine: 1 the same, 0 unrelated, -1 opposite):")
    for cosine, i, j in sorted(pairs, key=lambda pair: -abs(pair[0]))[:MAX_PAIRS]:
        lines.append(f"  {labels[i]} / {labels[j]}: {cosine:+.2f}{_where(figures, i, j)}")
    if len(pairs) > MAX_PAIRS:
        lines.append(f"  and {len(pairs) - MAX_PAIRS} pairs that are less alike")
    return "\n".join(lines)


def _where(figures: StackFigures, first: int, second: int) -> str:
    """The slots in which a pair agrees and disagrees most."""
    parts = [
        f"{word} in {figures.slots[slot]} ({figures.cosine(first, second, slot):+.2f})"
        for word, slot in (
            ("alike", figures.agreeing(first, second)),
            ("opposed", figures.opposed(first, second)),
        )
        if slot is not None
    ]
    return f"; most {', '.join(parts)}" if parts else ""
