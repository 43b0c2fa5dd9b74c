from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from satchel.tensors.adapters.fused import add_pairs  # noqa: E402


def pairs_for(shape, ranks, dtype):
    generator = torch.Generator().manual_seed(1)
    kernel = (1,) * (len(shape) - 2)
    return [
        (
            torch.randn((shape[0], rank, *kernel), generator=generator).to(dtype) * 0.1,
            torch.randn((rank, *shape[1:]), generator=generator).to(dtype) * 0.1,
            0.3 * (n + 1) * (-1) ** n,
        )
        for n, rank in enumerate(ranks)
    ]


@pytest.mark.parametrize("ranks", [(4, 1, 7), (300, 300, 2), (600,), (16, 700, 16)], ids=str)
@pytest.mark.parametrize("shape", [(24, 16), (16, 40), (8, 6, 3, 3), (2, 40_000)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_any_ranks_and_shapes_add_up(shape, ranks, dtype):
    pairs = pairs_for(shape, ranks, dtype)
    before = [(up.clone(), down.clone()) for up, down, _ in pairs]
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    exact = weight.double() + 0.5 * sum(
        factor * (up.double().flatten(1) @ down.double().flatten(1)).reshape(shape)
        for up, down, factor in pairs
    )

    result = add_pairs(weight, pairs, 0.5)

    assert result is weight
    assert (weight - exact).abs().max() < 1e-6 * max(ranks)
    for (up, down, _), (up_before, down_before) in zip(pairs, before, strict=True):
        assert torch.equal(up, up_before)
        assert torch.equal(down, down_before)


def test_a_wider_weight_keeps_its_precision():
    pairs = pairs_for((6, 5), (3, 2), torch.float64)
    weight = torch.zeros(6, 5, dtype=torch.float64)

    add_pairs(weight, pairs, 1.0)

    exact = sum(factor * up @ down for up, down, factor in pairs)
    assert (weight - exact).abs().max() < 1e-15
