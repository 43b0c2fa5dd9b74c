from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from satchel.tensors.fuse import PairSum, ScaledPatch, fuse_parts, plan_waves  # noqa: E402
from satchel.tensors.patches import Patch  # noqa: E402


def pair(target="w.weight", shape=(6, 5), rank=2, alpha=None, seed=0, dtype=torch.float32, **more):
    """A plain LoRA patch; `dora_scale` and `reshape` make it one that is not."""
    generator = torch.Generator().manual_seed(seed)
    kernel = (1,) * (len(shape) - 2)
    up = torch.randn((shape[0], rank, *kernel), generator=generator).to(dtype)
    down = torch.randn((rank, *shape[1:]), generator=generator).to(dtype)
    weights = (up, down, alpha, more.get("mid"), more.get("dora_scale"), more.get("reshape"))
    return Patch(target, "lora", weights, object())


def diff(target="w.weight"):
    return Patch(target, "diff", (torch.ones(6, 5),), object())


def oft(target="w.weight"):
    return Patch(target, "oft", (torch.zeros(3, 2, 2), None, None, None), object())


def delta(patch):
    up, down, alpha = patch.weights[:3]
    scale = 1.0 if alpha is None else alpha / down.shape[0]
    return scale * (up.double().flatten(1) @ down.double().flatten(1))


def fuse_pairs(pairs):
    return fuse_parts(*PairSum(tuple(pairs)).parts())


def total(fused):
    fused = fuse_parts(*fused.parts()) if isinstance(fused, PairSum) else fused
    return fused.scale * (fused.up.double().flatten(1) @ fused.down.double().flatten(1))


def plan(*items):
    return [
        (wave.strength, dict(wave.patches))
        for wave in plan_waves([ScaledPatch(patch, strength) for patch, strength in items])
    ]


@pytest.mark.parametrize("shape", [(6, 5), (5, 40), (40, 5), (6, 5, 3, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_fused_pair_is_the_sum(shape, dtype):
    pairs = [pair(shape=shape, rank=n, alpha=float(n * n), seed=n, dtype=dtype) for n in (1, 3, 4)]
    strengths = [0.3, -1.7, 0.01]

    fused = fuse_pairs([ScaledPatch(p, s) for p, s in zip(pairs, strengths, strict=True)])

    exact = sum(s * delta(p) for p, s in zip(pairs, strengths, strict=True))
    assert (total(fused) - exact).abs().max() < 1e-6 * exact.abs().max()
    assert fused.down.shape == (8, *shape[1:])
    assert fused.up.shape == (shape[0], 8, *(1,) * (len(shape) - 2))


def test_the_smaller_side_takes_the_factors_and_the_other_keeps_its_dtype():
    tall = [ScaledPatch(pair(shape=(40, 5), seed=n, dtype=torch.float16), n) for n in (1, 2)]
    wide = [ScaledPatch(pair(shape=(5, 40), seed=n, dtype=torch.float16), n) for n in (1, 2)]

    assert [t.dtype for t in (fuse_pairs(tall).up, fuse_pairs(tall).down)] == [
        torch.float16, torch.float32,
    ]  # fmt: skip
    assert [t.dtype for t in (fuse_pairs(wide).up, fuse_pairs(wide).down)] == [
        torch.float32, torch.float16,
    ]  # fmt: skip


def test_equal_factors_need_no_wider_numbers():
    fused = fuse_pairs([ScaledPatch(pair(seed=n, dtype=torch.float16), 0.3) for n in (1, 2)])

    assert {fused.up.dtype, fused.down.dtype} == {torch.float16}
    assert fused.scale == 0.3


def test_mixed_dtypes_meet_in_float32():
    mixed = [pair(seed=1, dtype=torch.float16), pair(seed=2, dtype=torch.bfloat16)]

    fused = fuse_pairs([ScaledPatch(patch, 1.0) for patch in mixed])

    assert fused.up.dtype == fused.down.dtype == torch.float32
    assert torch.equal(total(fused), delta(mixed[0]) + delta(mixed[1]))


def test_small_factors_stay_normal_numbers_in_half_precision():
    """alpha 1 at rank 128 and strength 0.1: the factor stays outside the tensors."""
    pairs = [pair(rank=128, alpha=1.0, seed=n) for n in (1, 2)]

    fused = fuse_pairs([ScaledPatch(pairs[0], 0.1), ScaledPatch(pairs[1], 0.05)])

    assert fused.scale == pytest.approx(0.1 / 128)
    assert max(fused.up.abs().max(), fused.down.abs().max()) > 1


def test_an_alpha_of_zero_is_no_effect():
    fused = fuse_pairs([ScaledPatch(pair(alpha=0.0, seed=n), 1.0) for n in (1, 2)])

    assert total(fused).abs().max() == 0


def test_the_inputs_are_not_changed():
    pairs = [pair(seed=n) for n in (1, 2)]
    before = [tuple(t.clone() for t in p.weights[:2]) for p in pairs]

    fuse_pairs([ScaledPatch(patch, 0.5 * n) for n, patch in enumerate(pairs, 1)])

    for patch, (up, down) in zip(pairs, before, strict=True):
        assert torch.equal(patch.weights[0], up)
        assert torch.equal(patch.weights[1], down)


# --- planning ----------------------------------------------------------------------------------


def test_the_only_pair_of_a_target_stays_the_hosts_own_object():
    a, b = pair("a.weight"), pair("b.weight")

    assert plan((a, 0.5), (b, 0.5)) == [(0.5, {"a.weight": a, "b.weight": b})]


def test_pairs_are_fused_per_target_and_slice():
    whole = [pair(seed=n) for n in (1, 2)]
    first = [pair(("w.weight", (0, 0, 3)), (3, 5), seed=n) for n in (3, 4)]
    second = pair(("w.weight", (0, 3, 3)), (3, 5), seed=5)

    waves = plan((whole[0], 1), (first[0], 2), (second, 3), (first[1], 4), (whole[1], 5))

    assert sorted(strength for strength, _ in waves) == [1.0, 3]
    fused = {target: value for _, patches in waves for target, value in patches.items()}
    assert fused[("w.weight", (0, 3, 3))] is second
    exact = 2 * delta(first[0]) + 4 * delta(first[1])
    assert torch.allclose(total(fused[("w.weight", (0, 0, 3))]), exact, atol=1e-5)


def test_pairs_whose_halves_have_other_shapes_stay_apart():
    conv = [pair(shape=(6, 5, 3, 3), seed=n) for n in (1, 2)]
    flat = pair(shape=(6, 45), seed=3)

    waves = plan((conv[0], 1.0), (flat, 1.0), (conv[1], 1.0))

    values = [value for _, patches in waves for value in patches.values()]
    assert len(values) == 2
    assert flat in values


@pytest.mark.parametrize(
    "middle",
    [
        diff(),
        pair(mid=torch.ones(2, 2, 1, 1)),
        Patch("w.weight", "loha", (None,) * 8, object()),
        Patch("w.weight", "lokr", (None,) * 9, object()),
    ],
    ids=["diff", "tucker", "loha", "lokr"],
)
def test_additive_patches_do_not_split_a_segment(middle):
    pairs = [pair(seed=n) for n in (1, 2)]

    waves = plan((pairs[0], 1.0), (middle, 1.0), (pairs[1], 1.0))

    values = [value for _, patches in waves for value in patches.values()]
    assert len(values) == 2
    assert any(isinstance(value, PairSum) for value in values)


@pytest.mark.parametrize(
    "barrier",
    [
        oft(),
        pair(dora_scale=torch.ones(6, 1)),
        pair(reshape=[6, 5]),
        Patch("w.weight", "set", (torch.zeros(6, 5),), object()),
        Patch("w.weight", "glora", (None,) * 6, object()),
        Patch("w.weight", "loha", (*(None,) * 7, torch.ones(6, 1)), object()),
        Patch("w.weight", "lokr", (*(None,) * 8, torch.ones(6, 1)), object()),
        Patch("w.weight", "boft", (torch.zeros(1, 3, 2, 2), None, None), object()),
        Patch("w.weight", "oft_input", (torch.zeros(1, 10),), object()),
        Patch("w.weight", "ia3", (torch.ones(6), False), object()),
    ],
    ids=[
        "oft",
        "dora",
        "reshape",
        "set",
        "glora",
        "loha with dora",
        "lokr with dora",
        "boft",
        "oft of the input",
        "ia3",
    ],
)
def test_patches_that_depend_on_the_weight_keep_their_place(barrier):
    before = [pair(seed=n) for n in (1, 2)]
    after = [pair(seed=n) for n in (3, 4)]

    waves = plan(*((p, 0.5) for p in before), (barrier, 0.5), *((p, 0.25) for p in after))

    order = [patches["w.weight"] for _, patches in waves]
    assert order[1] is barrier
    assert torch.allclose(total(order[0]), 0.5 * (delta(before[0]) + delta(before[1])), atol=1e-5)
    assert torch.allclose(total(order[2]), 0.25 * (delta(after[0]) + delta(after[1])), atol=1e-5)


def test_a_barrier_holds_for_slices_of_its_weight_only():
    part = pair(("w.weight", (0, 0, 3)), (3, 5), seed=1)
    other = [pair("x.weight", seed=n) for n in (2, 3)]

    waves = plan((part, 1.0), (other[0], 1.0), (oft(), 1.0), (part, 1.0), (other[1], 1.0))

    found = [list(patches) for _, patches in waves]
    assert found == [[part.target, "x.weight"], ["w.weight"], [part.target]]


def test_one_call_per_strength():
    patches = [pair(f"{n}.weight", seed=n) for n in range(12)]

    waves = plan(*((patch, (0.25, 0.5, 1.0)[n % 3]) for n, patch in enumerate(patches)))

    assert sorted(strength for strength, _ in waves) == [0.25, 0.5, 1.0]
    assert sum(len(patches) for _, patches in waves) == 12
