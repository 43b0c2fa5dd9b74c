"""Norms of a file's changes by block slot, against the products themselves."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from safetensors.torch import save_file  # noqa: E402

from satchel.errors import CancelledError, LoraFileError, SafetensorsHeaderError  # noqa: E402
from satchel.progress import Cancellation  # noqa: E402
from satchel.tensors.module_norms import module_norm  # noqa: E402
from satchel.tensors.slot_norms import slot_norms  # noqa: E402

Q = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"
K = "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_k"
MIDDLE = "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q"


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def alpha(value):
    return torch.tensor(float(value))


def rebuilt(core, a, b):
    return torch.einsum("i j k l, j r, i p -> p r k l", core, b, a)


DOWN, UP, MID = random(4, 20), random(30, 4), random(4, 5, 3, 3)
A, B, C, D = random(30, 4), random(4, 20), random(30, 3), random(3, 20)


@pytest.mark.parametrize(
    ("tensors", "change"),
    [
        ({"down": DOWN, "up": UP}, UP @ DOWN),
        ({"down": DOWN, "up": UP, "alpha": alpha(2)}, UP @ DOWN / 2),
        (
            {"down": random(4, 7, 3, 3), "up": random(30, 4, 1, 1)},
            random(30, 4, 1, 1).flatten(1) @ random(4, 7, 3, 3).flatten(1),
        ),
        (
            {"down": random(5, 20, 1, 1), "mid": MID, "up": random(30, 4, 1, 1)},
            torch.einsum("oi,ijkl,jn->onkl", random(30, 4, 1, 1)[..., 0, 0], MID,
                         random(5, 20, 1, 1)[..., 0, 0]),
        ),
        (
            {"hada_w1_a": A, "hada_w1_b": B, "hada_w2_a": C, "hada_w2_b": D, "alpha": alpha(1)},
            (A @ B) * (C @ D) / 4,
        ),
        (
            {"hada_w1_a": random(4, 6), "hada_w1_b": random(5, 7), "hada_t1": MID,
             "hada_w2_a": random(4, 6), "hada_w2_b": random(5, 7), "hada_t2": MID},
            rebuilt(MID, random(4, 6), random(5, 7)) ** 2,
        ),
        ({"lokr_w1": A, "lokr_w2": B, "alpha": alpha(9)}, torch.kron(A, B)),
        (
            {"lokr_w1": A, "lokr_w2_a": C, "lokr_w2_b": D, "alpha": alpha(6)},
            torch.kron(A, C @ D) * 2,
        ),
        ({"diff": A, "diff_b": B}, torch.cat([A.flatten(), B.flatten()])),
        ({"w_norm": B}, B),
    ],
    ids=["lora", "alpha", "convolution", "mid", "loha", "loha core", "lokr", "lokr factors",
         "full", "norm"],
)  # fmt: skip
def test_the_norm_is_that_of_the_whole_change(tensors, change):
    assert module_norm(tensors) == pytest.approx(float(change.norm()), rel=1e-4)


@pytest.mark.parametrize(
    "tensors",
    [{"alpha": alpha(1)}, {"down": DOWN}, {"down": DOWN, "up": random(30, 9)}, {}],
)
def test_what_is_no_change_of_its_own_has_no_norm(tensors):
    assert module_norm(tensors) is None


def write(tmp_path, **modules):
    tensors = {}
    for base, parts in modules.items():
        for role, tensor in parts.items():
            tensors[f"{base}.{role}"] = tensor.clone()
    save_file(tensors, tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


def test_the_changes_of_a_slot_are_added_up_by_their_squares(tmp_path):
    down, up = random(2, 640), random(640, 2)
    one = {"lora_down.weight": down, "lora_up.weight": up}
    path = write(tmp_path, **{Q: one, K: one, MIDDLE: {**one, "alpha": alpha(1)}})

    found = slot_norms(path, "sdxl", Cancellation()).to_json()

    whole = float((up @ down).norm())
    assert found == {
        "norms": {
            "IN04": pytest.approx(whole * 2**0.5, rel=1e-4),
            "M00": pytest.approx(whole / 2, rel=1e-4),
        },
        "unmeasured": 0,
    }


def test_modules_that_depend_on_the_model_are_counted(tmp_path):
    path = write(tmp_path, **{Q: {"oft_blocks": random(4, 8, 8)}})

    assert slot_norms(path, "sdxl", Cancellation()).to_json() == {"norms": {}, "unmeasured": 1}


def test_it_can_be_cancelled_and_refuses_what_is_broken(tmp_path):
    cancellation = Cancellation()
    cancellation.cancel()
    one = {"lora_down.weight": random(2, 640), "lora_up.weight": random(640, 2)}
    path = write(tmp_path, **{Q: one})
    with pytest.raises(CancelledError):
        slot_norms(path, "sdxl", cancellation)

    path = write(tmp_path, **{Q: {**one, "lora_up.weight": random(640, 2) / 0}})
    with pytest.raises(LoraFileError):
        slot_norms(path, "sdxl", Cancellation())
    path.write_bytes(b"x")
    with pytest.raises(SafetensorsHeaderError):
        slot_norms(path, "sdxl", Cancellation())
