"""What a file's names and shapes alone tell: modules, contradictions, scales."""

from __future__ import annotations

import json

import pytest

from satchel.errors import LoraFileError, LoraMismatchError
from satchel.lora.renames.alphas import peft_alphas, split_qkv_modules
from satchel.lora.renames.file_modules import read_modules
from satchel.lora.renames.wan22 import pick_half

UP, DOWN = "x.lora_up.weight", "x.lora_down.weight"
PAIR = {UP: (8, 2), DOWN: (2, 8)}


def algorithms(shapes):
    return {module.name: module.algorithm for module in read_modules(shapes)}


@pytest.mark.parametrize(
    ("roles", "algorithm"),
    [
        (("lora_up.weight", "lora_down.weight", "alpha"), "lora"),
        (("lora_B", "lora_A"), "lora"),
        (("lora_B.default.weight", "lora_A.default.weight"), "lora"),
        (("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), "loha"),
        (("lokr_w1", "lokr_w2_a", "lokr_w2_b"), "lokr"),
        (("lokr_w1_a", "lokr_w1_b", "lokr_w2"), "lokr"),
        (("a1.weight", "a2.weight", "b1.weight", "b2.weight"), "glora"),
        (("oft_blocks", "rescale"), "oft"),
        (("oft_blocks.0", "oft_blocks.1"), "oft"),
        (("oft_R.weight",), "oft_input"),
        (("weight", "on_input"), "ia3"),
        (("diff", "diff_b"), "diff"),
        (("diff_b",), "bias"),
        (("set_weight",), "set"),
        (("w_norm", "b_norm"), "norm"),
    ],
)
def test_the_roles_tell_the_algorithm(roles, algorithm):
    shapes = {f"x.{role}": (1,) if role in {"alpha", "on_input"} else (2, 2) for role in roles}

    assert algorithms(shapes) == {"x": algorithm}


@pytest.mark.parametrize(
    "shapes",
    [{}, {"x.weight": (4, 4)}, {"x.alpha": ()}, {"unknown": (1,)}, {"bundle_emb.a.diff": (1,)}],
    ids=["empty", "a checkpoint", "an alpha alone", "foreign", "an embedding"],
)
def test_what_adapts_nothing_is_no_module(shapes):
    assert algorithms(shapes) == {}


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        ({UP: (8, 2)}, f"{DOWN} is missing"),
        ({DOWN: (2, 8)}, f"{UP} is missing"),
        ({"x.lora_A.weight": (2, 8)}, "x.lora_B.weight is missing"),
        ({"x.lora_B.default.weight": (8, 2)}, "x.lora_A.default.weight is missing"),
        ({"x.lora.up.weight": (8, 2)}, "x.lora.down.weight is missing"),
        ({"x_lora.down.weight": (8, 2)}, "x_lora.up.weight is missing"),
        ({"x.lora_linear_layer.up.weight": (8, 2)}, "x.lora_linear_layer.down.weight is missing"),
        ({"x.hada_w1_a": (8, 2), "x.hada_w1_b": (2, 8)}, "x.hada_w2_a is missing"),
        ({"x.lokr_w1": (2, 2), "x.lokr_w2_a": (4, 1)}, "x.lokr_w2_b is missing"),
        ({"x.lokr_w2": (2, 2)}, "x.lokr_w1 is missing"),
        ({"x.a1.weight": (8, 2)}, "x.a2 is missing"),
        ({"x.on_input": ()}, "x.weight is missing"),
        ({"x.rescale": (8,)}, "x.oft_blocks is missing"),
        ({"x.dora_scale": (8, 1)}, "x.dora_scale stands alone"),
        ({"x.oft_blocks": (2, 4, 4), "x.dora_scale": (8, 1)}, "an OFT cannot have"),
        ({**PAIR, "x.alpha": (4,)}, "x.alpha holds 4 numbers instead of one"),
        ({**PAIR, "x.diff": (8, 8)}, "x has a LoRA pair and a full difference"),
        ({**PAIR, "x.hada_w1_a": (8, 2)}, "x has a LoRA pair and a LoHa"),
        ({**PAIR, "x.lora_A.weight": (2, 8)}, f"{DOWN} and x.lora_A.weight are the same tensor"),
        ({"x.oft_R.weight": (2, 1), "x.oft_R.scaled_oft": ()}, "scaled OFT"),
        ({"x.oft_R.weight": (2, 1), "x.initial_norm": (8,)}, "DoRA over OFT"),
    ],
)
def test_contradictions_name_the_key(shapes, sentence):
    with pytest.raises(LoraFileError, match=sentence) as caught:
        read_modules(shapes)

    assert str(caught.value.details["key"]).startswith("x")


# --- scales ------------------------------------------------------------------------------------


def modules(names, rank=4, tail=("lora_A.weight", "lora_B.weight")):
    shapes = {}
    for name in names:
        shapes |= {f"{name}.{tail[0]}": (rank, 8), f"{name}.{tail[1]}": (8, rank)}
    return read_modules(shapes)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"transformer.r": 4, "transformer.lora_alpha": 8}, {"a": 8.0, "b": 8.0}),
        ({"lora_alpha": 2}, {"a": 2.0, "b": 2.0, "te": 2.0}),
        ({"transformer.lora_alpha": 4}, {}),
        ({"transformer.lora_alpha": 8, "transformer.use_rslora": True}, {"a": 16.0, "b": 16.0}),
        ({"transformer.lora_alpha": 4, "transformer.alpha_pattern": {"blocks.0.a": 1}},
         {"a": 1.0}),
        ({"transformer.lora_alpha": 4, "transformer.alpha_pattern": {"a": 1, "x(": 2}},
         {"a": 1.0}),
        ({"transformer.lora_alpha": 4, "transformer.alpha_pattern": {r"blocks\.\d+\.b": 3}},
         {"b": 3.0}),
        ({"text_encoder.lora_alpha": 1, "transformer.lora_alpha": 4}, {"te": 1.0}),
        ({"transformer.lora_alpha": "8"}, {}),
        ({"transformer.lora_alpha": True}, {}),
    ],
)  # fmt: skip
def test_peft_records_alphas_in_the_header(config, expected):
    names = {"transformer.blocks.0.a": "a", "transformer.blocks.0.b": "b", "text_encoder.x": "te"}

    found, notes = peft_alphas({"lora_adapter_metadata": json.dumps(config)}, modules(names))

    assert {names[name]: alpha for name, alpha in found.items()} == expected
    assert bool(notes) == bool(expected)


def test_an_alpha_in_the_file_beats_the_header():
    shapes = {"x.lora_A.weight": (4, 8), "x.lora_B.weight": (8, 4), "x.alpha": ()}
    metadata = {"lora_adapter_metadata": '{"lora_alpha": 8}'}

    assert peft_alphas(metadata, read_modules(shapes)) == ({}, [])


@pytest.mark.parametrize("text", ["", "{", "[1]", "null"])
def test_a_broken_record_is_reported(text):
    found, notes = peft_alphas({"lora_adapter_metadata": text}, modules(["x"]))

    assert found == {}
    assert "no JSON object" in notes[0]


QKV = "lora_unet_double_blocks_0_img_attn_qkv"
LINEAR = "lora_unet_single_blocks_0_linear1"
PROJ = "lora_unet_double_blocks_0_img_attn_proj"


def flux_modules(ranks):
    shapes = {}
    for name, rank in ranks.items():
        out = {QKV: 24, LINEAR: 56}.get(name, 8)
        shapes |= {f"{name}.lora_down.weight": (rank, 8), f"{name}.lora_up.weight": (out, rank),
                   f"{name}.alpha": ()}  # fmt: skip
    return read_modules(shapes)


DECLARED = {"ss_network_args": '{"split_qkv": "True"}'}


@pytest.mark.parametrize(
    ("ranks", "alphas", "metadata", "found"),
    [
        ({QKV: 6, LINEAR: 8, PROJ: 2}, {}, {}, {QKV: 3, LINEAR: 4}),
        ({QKV: 6, PROJ: 2}, {}, {}, {QKV: 3}),
        ({QKV: 6}, {}, DECLARED, {QKV: 3}),
        ({QKV: 6}, {}, {}, {}),
        ({QKV: 2, LINEAR: 2, PROJ: 2}, {}, {}, {}),
        ({QKV: 6, LINEAR: 6, PROJ: 2}, {}, {}, {}),
        ({QKV: 6, PROJ: 2}, {PROJ: 3.0}, {}, {}),
        ({QKV: 4, PROJ: 2}, {}, DECLARED, {}),
        ({QKV: 6, PROJ: 2}, {}, {"ss_network_args": "{"}, {QKV: 3}),
    ],
    ids=["all", "no linear1", "declared", "nothing to compare", "joined", "one joined",
         "other alpha", "declared, odd rank", "broken args"],
)  # fmt: skip
def test_split_qkv_is_recognised_by_metadata_or_ranks(ranks, alphas, metadata, found):
    values = dict.fromkeys(ranks, 1.0) | alphas

    result = split_qkv_modules(metadata, flux_modules(ranks), values)

    assert {name: parts.factor for name, parts in result.items()} == found


def test_split_qkv_knows_the_rows_of_its_parts():
    ranks = {QKV: 6, LINEAR: 8, PROJ: 2}

    result = split_qkv_modules({}, flux_modules(ranks), dict.fromkeys(ranks, 1.0))

    assert result[QKV].rows == (8, 8, 8)
    assert result[LINEAR].rows == (8, 8, 8, 32)


# --- Wan 2.2 -----------------------------------------------------------------------------------

HIGH = "diffusion_model.transformer_1.blocks.0.self_attn.q"
LOW = "diffusion_model.transformer_2.blocks.0.self_attn.q"


@pytest.mark.parametrize(
    ("file", "kept"),
    [
        ("wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors", HIGH),
        ("Wan2_2-T2V-A14B-LOW_fp8.safetensors", LOW),
    ],
)
def test_the_models_file_says_which_half_is_meant(file, kept):
    modules_, dropped, notes = pick_half(modules([HIGH, LOW]), file)

    assert [module.name for module in modules_] == [kept]
    assert {module.name for module in dropped} == {HIGH, LOW} - {kept}
    assert file in notes[0]


@pytest.mark.parametrize("file", ["", "wan.safetensors", "high_to_low.safetensors", "slow.gguf"])
def test_without_a_sign_a_file_of_two_halves_is_refused(file):
    with pytest.raises(LoraMismatchError, match="high-noise and low-noise"):
        pick_half(modules([HIGH, LOW]), file)


def test_a_file_of_one_half_is_taken_as_it_is():
    assert [m.name for m in pick_half(modules([HIGH]), "")[0]] == [HIGH]
