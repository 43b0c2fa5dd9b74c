"""Norms and inner products of changes, against dense matrices in float64."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

from satchel.tensors.fuse import ScaledPatch  # noqa: E402
from satchel.tensors.patches import Patch  # noqa: E402
from satchel.tensors.stack_report import format_figures, measure_stack  # noqa: E402


def pair(target, rows, columns, rank=3, alpha=None, seed=0, dtype=torch.float32, kernel=()):
    generator = torch.Generator().manual_seed(seed)
    ones = (1,) * len(kernel)
    up = torch.randn(rows, rank, *ones, generator=generator).to(dtype)
    down = torch.randn(rank, columns, *kernel, generator=generator).to(dtype)
    return Patch(target, "lora", (up, down, alpha, None, None, None), None)


def full(target, rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    return Patch(target, "diff", (torch.randn(rows, columns, generator=generator),), None)


def dense_change(item):
    return item.strength * item.patch.weights[0].flatten(1)


def delta(item, shape):
    """The change to a weight seen as a matrix, written out in float64."""
    patch, whole = item.patch, torch.zeros(shape, dtype=torch.float64)
    if patch.algorithm == "diff":
        return item.strength * patch.weights[0].double().flatten(1)
    up, down, alpha = patch.weights[:3]
    change = up.double().flatten(1) @ down.double().flatten(1)
    change *= item.strength * (1 if alpha is None else alpha / down.shape[0])
    if isinstance(patch.target, str):
        return change
    if patch.target[1] is None:
        return patch.target[2](change)
    dim, start, length = patch.target[1]
    step = change.shape[dim] // length  # columns per input channel, of a convolution
    whole.narrow(dim, start * step, length * step).copy_(change)
    return whole


def swap_halves(matrix):
    first, second = matrix.chunk(2, dim=0)
    return torch.cat([second, first])


SHAPES = {"a": (12, 10), "b": (8, 6), "conv": (5, 4 * 9), "half": (6, 4)}
SLOT = {"a": "D00", "b": "D01", "conv": "D01", "half": "OUT"}
ENTRIES = [
    [
        ScaledPatch(pair("a", 12, 10, alpha=1.5, seed=1), 0.7),
        ScaledPatch(pair("b", 8, 6, seed=2, dtype=torch.float16), 1.0),
        ScaledPatch(pair("conv", 5, 4, kernel=(3, 3), seed=3), -0.5),
        ScaledPatch(pair("half", 6, 4, seed=4), 1.0),
    ],
    [
        ScaledPatch(pair(("a", (0, 2, 4)), 4, 10, rank=5, seed=5), 1.3),
        ScaledPatch(pair(("a", (0, 6, 6)), 6, 10, rank=2, seed=6), 0.4),
        ScaledPatch(pair(("conv", (1, 1, 2)), 5, 2, kernel=(3, 3), seed=7), 2.0),
        ScaledPatch(pair(("half", None, swap_halves), 6, 4, seed=4), 1.0),
    ],
    [
        ScaledPatch(full("a", 12, 10, seed=8), 0.6),
        ScaledPatch(pair(("a", (1, 3, 5)), 12, 5, seed=9), 1.0),
        ScaledPatch(full("b", 8, 6, seed=9), -2.0),
    ],
    [],
]  # fmt: skip
SLOTS = ["D00", "D01", "OUT", "UNUSED"]


@pytest.fixture(scope="module")
def figures():
    return measure_stack(ENTRIES, SLOT.__getitem__, SLOTS, dense_change)


def expected(entry, slot=None):
    """All that an entry changes (in one slot), as one long vector."""
    parts = []
    for key, shape in SHAPES.items():
        whole = torch.zeros(shape, dtype=torch.float64)
        for item in ENTRIES[entry]:
            if item.patch.key == key and slot in (None, SLOT[key]):
                whole += delta(item, shape)
        parts.append(whole.flatten())
    return torch.cat(parts)


def test_norms_per_slot_are_those_of_the_dense_changes(figures):
    for (entry, _), (index, slot) in itertools.product(enumerate(ENTRIES), enumerate(SLOTS)):
        exact = float(expected(entry, slot).norm())
        assert figures.norm(entry, index) == pytest.approx(exact, rel=1e-5, abs=1e-9)


def test_totals_are_those_of_the_dense_changes(figures):
    assert [figures.total(entry) for entry in range(4)] == pytest.approx(
        [float(expected(entry).norm()) for entry in range(4)], rel=1e-5
    )


def test_cosines_are_those_of_the_dense_changes(figures):
    for i, j in itertools.combinations(range(3), 2):
        exact = float(torch.cosine_similarity(expected(i), expected(j), dim=0))
        assert figures.cosine(i, j) == pytest.approx(exact, abs=1e-5)
        assert figures.cosine(j, i) == figures.cosine(i, j)
    exact = float(torch.cosine_similarity(expected(0, "D01"), expected(2, "D01"), dim=0))
    assert figures.cosine(0, 2, 1) == pytest.approx(exact, abs=1e-5)


def test_an_entry_that_changes_nothing_is_like_no_other(figures):
    assert figures.cosine(0, 3) is None
    assert figures.cosine(3, 3) is None
    assert figures.cosine(1, 2, 2) is None
    assert figures.strongest(3) == []


@pytest.mark.parametrize(("strength", "cosine"), [(2.0, 1.0), (-0.5, -1.0)])
def test_the_same_pair_twice_is_alike_up_to_the_sign(strength, cosine):
    patch = pair("a", 12, 10)

    figures = measure_stack(
        [[ScaledPatch(patch, 1.0)], [ScaledPatch(patch, strength)]],
        SLOT.__getitem__, SLOTS, dense_change,
    )  # fmt: skip

    assert figures.cosine(0, 1) == pytest.approx(cosine, abs=1e-6)
    assert (figures.opposed(0, 1) is None) == (cosine > 0)
    assert (figures.agreeing(0, 1) is None) == (cosine < 0)


def test_plain_pairs_never_become_dense():
    def refuse(item):
        raise AssertionError(item)

    shape = (1_000_000, 1_000_000)  # 4 TB as a matrix
    entries = [[ScaledPatch(pair("a", *shape, seed=seed), 1.0)] for seed in (1, 2)]

    figures = measure_stack(entries, SLOT.__getitem__, SLOTS, refuse)

    assert figures.norm(0, 0) == pytest.approx((3 * shape[0] * shape[1]) ** 0.5, rel=0.01)
    assert abs(figures.cosine(0, 1)) < 0.01


def test_the_text_says_where_two_loras_meet(figures):
    lines = format_figures(figures, ["Row 1", "Row 2", "Row 3", "Row 4"]).splitlines()

    assert lines[0].startswith("Size of the changes")
    assert lines[1].startswith("  Row 1: ")
    assert "; most in " in lines[1]
    assert lines[4] == "  Row 4: 0"
    assert lines[5].startswith("Similarity")
    assert [line.split(":")[0] for line in lines[6:]] == sorted(
        ["  Row 1 / Row 2", "  Row 1 / Row 3", "  Row 2 / Row 3"],
        key=lambda pair: -abs(figures.cosine(int(pair[6]) - 1, int(pair[14]) - 1)),
    )
    assert any("opposed in " in line or "alike in " in line for line in lines[6:])
