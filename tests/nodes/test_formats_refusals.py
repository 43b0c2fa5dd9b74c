"""Files that cannot be applied: a sentence that names the key, and an untouched model."""

from __future__ import annotations

import json
import struct

import pytest
import torch
from safetensors.torch import save_file
from support.lora_files import PEFT, random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
NATIVE = Q.removesuffix(".weight")


@pytest.fixture
def refused(stack_node, loras, sd15, pack):
    """Runs a stack on a file that must be refused; gives the sentence."""

    def run(error="LoraFileError"):
        before = {key: value.clone() for key, value in sd15.model.state_dict().items()}
        with pytest.raises(getattr(pack.satchel.errors, error)) as caught:
            stack_node.execute(model=sd15, lora_1="a.safetensors")
        after = sd15.model.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert sd15.patches == {}
        assert str(caught.value).startswith("Row 1 (a.safetensors): ")
        return str(caught.value)

    return run


@pytest.fixture
def pair(sd15):
    return random_pair(tuple(sd15.model.state_dict()[Q].shape))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_numbers_that_are_none_are_refused(refused, loras, pair, bad, dtype):
    pair.down = pair.down.to(dtype)
    pair.down[1, 3] = bad
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair})

    assert f"{Q_KOHYA}.lora_down.weight holds numbers that are not finite" in refused()


def test_large_numbers_are_no_reason(stack_node, loras, sd15, pair):
    """Their sum overflows in float16, they do not."""
    pair.down = torch.full_like(pair.down, 60000).to(torch.float16)
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair})

    report = stack_node.execute(model=sd15, lora_1="a.safetensors").result[3]

    assert "1 of 1 modules patched" in report


@pytest.mark.parametrize("protocol", [True, False], ids=["zip", "bare pickle"])
def test_a_pickle_under_another_name_is_refused(refused, loras, pair, protocol):
    tensors = {f"{Q_KOHYA}.lora_up.weight": pair.up, f"{Q_KOHYA}.lora_down.weight": pair.down}
    torch.save(tensors, loras / "a.safetensors", _use_new_zipfile_serialization=protocol)

    assert "it is a pickle, although its name says safetensors" in refused()


def test_a_pickle_under_its_own_name_loads(stack_node, loras, sd15, pair):
    tensors = {f"{Q_KOHYA}.lora_up.weight": pair.up, f"{Q_KOHYA}.lora_down.weight": pair.down,
               f"{Q_KOHYA}.alpha": 4.0}  # fmt: skip
    torch.save(tensors, loras / "a.pt")

    assert "1 of 1" in stack_node.execute(model=sd15, lora_1="a.pt").result[3]


@pytest.mark.parametrize(
    ("offsets", "sentence"),
    [
        ([0, 60], "byte count that contradicts its shape"),
        ([32, 96], "overlaps another or leaves a gap"),
        ([0, 1 << 40], "byte count that contradicts its shape"),
    ],
)
def test_a_header_that_lies_is_refused(refused, loras, offsets, sentence):
    entry = {"dtype": "F32", "shape": [4, 4], "data_offsets": offsets}
    header = json.dumps({f"{Q_KOHYA}.lora_up.weight": entry}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(64)
    (loras / "a.safetensors").write_bytes(content)

    found = refused()

    assert sentence in found
    assert f"{Q_KOHYA}.lora_up.weight" in found


def test_a_cut_file_is_refused(refused, loras, pair):
    path = write_lora(loras / "a.safetensors", {Q_KOHYA: pair})
    path.write_bytes(path.read_bytes()[:-10])

    assert "a cut or padded file" in refused()


def test_a_file_without_tensors_is_refused(refused, loras):
    save_file({}, loras / "a.safetensors", {"format": "pt"})

    assert "the file holds no LoRA weights" in refused("LoraMismatchError")


@pytest.mark.parametrize("end", ["lora_A.weight", "lora_B.weight"])
def test_either_half_alone_is_refused_by_the_name_of_the_other(refused, loras, pair, end):
    other = {"lora_A.weight": "lora_B.weight", "lora_B.weight": "lora_A.weight"}[end]
    tensor = pair.down if end == "lora_A.weight" else pair.up
    save_file({f"{NATIVE}.{end}": tensor}, loras / "a.safetensors")

    assert f"{NATIVE}.{other} is missing" in refused()


def test_a_damaged_part_for_another_model_is_refused_too(refused, loras, pair):
    extra = {"lora_unet_nowhere.lora_up.weight": pair.up.clone()}
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair}, extra=extra)

    assert "lora_unet_nowhere.lora_down.weight is missing" in refused()


def test_one_bias_under_two_names_is_refused(refused, loras, pair):
    extra = {f"{Q_KOHYA}.diff_b": torch.ones(3), f"{Q_KOHYA}.b_norm": torch.ones(3)}
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair}, extra=extra)

    assert "two changes of one bias" in refused()


def test_trained_embeddings_are_named_and_left_out(stack_node, loras, sd15, pair):
    """OneTrainer puts them beside the LoRA as `bundle_emb.<placeholder>.<encoder>`."""
    extra = {"bundle_emb.style-x.clip_l": torch.ones(2, 8)}
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair}, extra=extra)

    report = stack_node.execute(model=sd15, lora_1="a.safetensors").result[3]

    assert "1 of 1 modules patched" in report
    assert "embeddings in the file, not applied: style-x" in report
    assert "0 dropped" in report


def test_an_alpha_of_several_numbers_is_refused(refused, loras, pair):
    extra = {f"{Q_KOHYA}.alpha": torch.ones(4)}
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair}, extra=extra)

    assert f"{Q_KOHYA}.alpha holds 4 numbers instead of one" in refused()


@pytest.mark.parametrize("content", [b"", b"\0" * 7], ids=["no bytes", "fewer than a length"])
def test_an_empty_file_is_refused(refused, loras, content):
    (loras / "a.safetensors").write_bytes(content)

    assert "it is shorter than 8 bytes" in refused()


def test_one_tensor_under_two_names_is_refused(refused, loras, pair):
    extra = {f"{NATIVE}.lora_down.weight": pair.down.clone()}
    write_lora(loras / "a.safetensors", {NATIVE: pair}, PEFT, extra)

    found = refused()

    assert "are the same tensor under two names" in found
    assert f"{NATIVE}.lora_A.weight" in found
    assert f"{NATIVE}.lora_down.weight" in found


def test_one_target_in_two_spellings_is_refused(refused, loras, pair):
    again = {f"{NATIVE}.lora_up.weight": pair.up.clone(),
             f"{NATIVE}.lora_down.weight": pair.down.clone()}  # fmt: skip
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair}, extra=again)

    found = refused()

    assert Q_KOHYA in found
    assert NATIVE in found


def test_shapes_that_do_not_fit_the_model_are_refused(refused, loras):
    write_lora(loras / "a.safetensors", {Q_KOHYA: random_pair((7, 5))})

    assert f"of 1 modules, 1 have another shape (1 x {Q_KOHYA})" in refused("LoraMismatchError")


def test_halves_that_do_not_fit_each_other_are_refused(refused, loras, pair):
    pair.down = pair.down[:-1]
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair})

    assert f"of 1 modules, 1 have another shape (1 x {Q_KOHYA})" in refused("LoraMismatchError")


# --- Wan 2.2 -----------------------------------------------------------------------------------


@pytest.fixture
def combined(loras):
    from support.meta_models import meta_model

    names = [f"diffusion_model.transformer_{n}.blocks.0.self_attn.q" for n in (1, 2)]
    pairs = {name: random_pair((1536, 1536), seed=n) for n, name in enumerate(names)}
    write_lora(loras / "a.safetensors", pairs, PEFT)
    return meta_model("wan21_1_3b"), pairs


def test_a_file_for_both_wan_models_needs_the_models_name(stack_node, combined, pack):
    with pytest.raises(pack.satchel.errors.LoraMismatchError, match="high-noise and low-noise"):
        stack_node.execute(model=combined[0], lora_1="a.safetensors")


@pytest.mark.parametrize(("noise", "half"), [("high", 0), ("low", 1)])
def test_the_models_file_picks_the_half(stack_node, combined, noise, half):
    model, pairs = combined
    path = f"/models/wan2.2_t2v_{noise}_noise_14B.safetensors"
    model.cached_patcher_init = (None, (path, {}))

    out, _, _, report = stack_node.execute(model=model, lora_1="a.safetensors").result

    patches = out.patches["diffusion_model.blocks.0.self_attn.q.weight"]
    assert len(patches) == 1
    assert torch.equal(patches[0][1].weights[0], list(pairs.values())[half].up)
    assert f"is the {noise}-noise model, so the 1 modules" in report
    assert "1 of 1 modules patched" in report
