from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from satchel.tensors.patches import Patch, bias_target, slice_shape  # noqa: E402

LINEAR = (6, 4)
CONV = (6, 4, 3, 3)


def z(*shape):
    return torch.zeros(shape)


FITTING = {
    "lora": ("lora", (z(6, 2), z(2, 4), 1.0, None, None, None), LINEAR),
    "locon": ("lora", (z(6, 2, 1, 1), z(2, 4, 3, 3), None, None, None, None), CONV),
    "locon as matrices": ("lora", (z(6, 2), z(2, 36), None, None, None, None), CONV),
    "tucker": ("lora", (z(6, 2, 1, 1), z(2, 4, 1, 1), None, z(2, 2, 3, 3), None, None), CONV),
    "dora by row": ("lora", (z(6, 2), z(2, 4), None, None, z(6, 1), None), LINEAR),
    "dora by column": ("lora", (z(6, 2), z(2, 4), None, None, z(1, 4), None), LINEAR),
    "dora conv": ("lora", (z(6, 2, 1, 1), z(2, 4, 3, 3), None, None, z(6, 1, 1, 1), None), CONV),
    "reshape": ("lora", (z(6, 2), z(2, 8), None, None, None, [6, 8]), LINEAR),
    "loha": ("loha", (z(6, 2), z(2, 4), 1.0, z(6, 2), z(2, 4), None, None, None), LINEAR),
    "loha tucker": (
        "loha",
        (z(2, 6), z(2, 4), 1.0, z(2, 6), z(2, 4), z(2, 2, 3, 3), z(2, 2, 3, 3), None),
        CONV,
    ),
    "lokr": ("lokr", (z(3, 2), z(2, 2), None, None, None, None, None, None, None), LINEAR),
    "lokr factored": (
        "lokr",
        (None, None, 1.0, z(3, 1), z(1, 2), z(2, 1), z(1, 2), None, None),
        LINEAR,
    ),
    "lokr conv": ("lokr", (z(3, 2), z(2, 2, 3, 3), None, *(None,) * 6), CONV),
    "glora": ("glora", (z(4, 2), z(2, 4), z(6, 2), z(2, 4), None, None), LINEAR),
    "oft": ("oft", ((z(3, 2, 2),), None, None), LINEAR),
    "oft in parts": ("oft", ((z(2, 2, 2), z(2, 1, 1)), z(6, 1), None), LINEAR),
    "boft": ("boft", (z(1, 3, 2, 2), None, 1.0), LINEAR),
    "oft input": ("oft_input", (z(2, 1),), LINEAR),
    "oft input shared": ("oft_input", (z(1, 1),), LINEAR),
    "oft input conv": ("oft_input", (z(12, 3),), CONV),
    "ia3": ("ia3", (z(6), False), LINEAR),
    "ia3 on input": ("ia3", (z(4), True), LINEAR),
    "ia3 conv": ("ia3", (z(1, 6, 1, 1), False), CONV),
    "diff": ("diff", (z(6, 4),), LINEAR),
    "set": ("set", (z(6, 4),), LINEAR),
}
OTHER_SHAPES = {LINEAR: [(4, 6), (6, 5), (12, 4), (24,)], CONV: [(4, 6, 3, 3), (6, 4, 1, 1)]}
ROWS_ALONE = {"oft", "oft in parts", "boft", "ia3", "ia3 conv"}
COLUMNS_ALONE = {"oft input", "ia3 on input"}


def patch(case, target="w.weight"):
    algorithm, weights, _ = FITTING[case]
    return Patch(target, algorithm, weights, object())


@pytest.mark.parametrize("case", FITTING)
def test_each_algorithm_fits_the_weight_it_was_made_for(case):
    assert patch(case).fits(FITTING[case][2])


@pytest.mark.parametrize("case", FITTING)
def test_no_algorithm_fits_a_weight_with_another_shape(case):
    for shape in OTHER_SHAPES[FITTING[case][2]]:
        same = [a == b for a, b in zip(shape, FITTING[case][2], strict=False)]
        if (case in ROWS_ALONE and same[0]) or (case in COLUMNS_ALONE and all(same[1:])):
            continue  # what turns or scales one side works with any other side
        if case in {"reshape", "oft input shared"}:
            continue  # the one brings its own shape, the other fits any even width
        assert not patch(case).fits(shape), shape


@pytest.mark.parametrize(
    ("algorithm", "weights"),
    [
        ("lora", (z(6, 3), z(2, 4), None, None, None, None)),
        ("lora", (z(6, 2), z(2, 4), None, None, z(6), None)),
        ("lora", (z(6, 2), torch.tensor(1.0), None, None, None, None)),
        ("loha", (z(6, 2), z(2, 4), 1.0, z(6, 3), z(2, 4), None, None, None)),
        ("lokr", (None, z(2, 2), None, z(3, 1), None, None, None, None, None)),
        ("set", (z(1, 4),)),
        ("boft", (z(2, 3, 2, 2), None, None)),
        ("oft", ((z(3, 2, 1),), None, None)),
        ("oft", ((z(3, 2, 2),), z(4), None)),
        ("oft_input", (z(2, 2),)),
        ("oft_input", (z(3, 1),)),
        ("ia3", (z(1), False)),
    ],
    ids=[
        "ranks differ", "1-D dora", "scalar half", "loha ranks differ", "lokr half", "broadcast",
        "butterfly too wide", "blocks not square", "short rescale", "no triangle",
        "too many blocks", "one scale",
    ],
)  # fmt: skip
def test_tensors_that_contradict_each_other_do_not_fit(algorithm, weights):
    assert not Patch("w.weight", algorithm, weights, object()).fits(LINEAR)


def test_a_reshape_changes_the_shape_for_those_after_it():
    assert patch("reshape").shape_after(LINEAR) == (6, 8)
    assert patch("lora").shape_after(LINEAR) == LINEAR


def test_plain_and_additive_are_told_apart():
    plain = {case for case in FITTING if patch(case).is_plain}
    additive = {case for case in FITTING if patch(case).is_additive}

    assert plain == {"lora", "locon", "locon as matrices"}
    assert additive == plain | {
        "tucker", "loha", "loha tucker", "lokr", "lokr factored", "lokr conv", "diff",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        ("w.weight", (9, 4)),
        (("w.weight", None), (9, 4)),
        (("w.weight", (0, 3, 3)), (3, 4)),
        (("w.weight", (1, 0, 2), abs), (9, 2)),
    ],
)
def test_a_target_may_be_a_slice(target, shape):
    assert slice_shape(target, (9, 4)) == shape
    assert Patch(target, "diff", (), object()).key == "w.weight"


@pytest.mark.parametrize(
    ("target", "bias"),
    [
        ("w.weight", "w.bias"),
        (("w.weight", (0, 3, 3)), ("w.bias", (0, 3, 3))),
        (("w.weight", None, abs), ("w.bias", None, abs)),
    ],
)
def test_the_bias_beside_a_target_has_the_same_rows(target, bias):
    assert bias_target(target) == bias
