"""Each algorithm and each correction against its formula in float64 (`lora_cases/formulas.py`,
where the sources are named)."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file
from support.lora_cases.algorithms import EMITTERS, Writer
from support.lora_cases.dialects import KOHYA, PEFT
from support.lora_cases.formulas import change
from support.lora_files import PEFT as PEFT_FILE
from support.lora_files import random_pair, write_lora
from support.lora_modules import (
    CONV,
    LINEAR1,
    NAMES,
    PROJ,
    Q_KOHYA,
    QKV,
    Q,
    flat_magnitude,
    off_by,
    on_input,
    patched,
    rescaled,
    run,
    shared,
    tight,
    weights,
    without_alpha,
    write_module,
)  # fmt: skip


@pytest.mark.parametrize("strength", [1.0, 0.6, -0.5])
@pytest.mark.parametrize("key", [Q, CONV, PROJ], ids=["linear", "conv", "1x1 conv"])
@pytest.mark.parametrize("algorithm", sorted(set(EMITTERS) - {"norm", "splitqkv"}))
def test_an_algorithm_follows_its_formula(stack_node, loras, sd15, algorithm, key, strength):
    base = weights(sd15)
    shape, bias = tuple(base[key].shape), key.replace(".weight", ".bias")
    written = write_module(
        loras / "a.safetensors", algorithm, key, NAMES[key], shape, has_bias=bias in base
    )

    model, *_, report = run(
        stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=strength
    )

    after = patched(model)
    assert "1 of 1 modules patched" in report
    delta = change(algorithm, written.tensors, base[key], strength)
    assert off_by(after[key], base[key], delta) < 1e-4
    if "diff_b" in written.tensors:
        assert off_by(after[bias], base[bias], strength * written.tensors["diff_b"].double()) < 1e-5


def test_norms_follow_their_formula(stack_node, loras, sd15):
    key = "diffusion_model.input_blocks.2.0.in_layers.0.weight"
    bias, name = key.replace(".weight", ".bias"), "lora_unet_down_blocks_0_resnets_1_norm1"
    base = weights(sd15)
    written = write_module(
        loras / "a.safetensors", "norm", key, name, tuple(base[key].shape), has_bias=True
    )

    after = patched(run(stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=0.5)[0])

    assert off_by(after[key], base[key], 0.5 * written.tensors["diff"].double()) < 1e-5
    assert off_by(after[bias], base[bias], 0.5 * written.tensors["diff_b"].double()) < 1e-5


@pytest.mark.parametrize(
    ("algorithm", "alter"),
    [
        ("oft", tight), ("oft", rescaled), ("oft", without_alpha), ("oft_kohya", tight),
        ("boft", tight), ("boft", rescaled), ("boft", without_alpha),
        ("ia3", on_input), ("ot_oft", shared), ("dora", flat_magnitude),
        ("lora", without_alpha),
    ],
)  # fmt: skip
def test_variants_of_an_algorithm_follow_it_too(stack_node, loras, sd15, algorithm, alter):
    base = weights(sd15)[Q]
    written = write_module(
        loras / "a.safetensors", algorithm, Q, Q_KOHYA, tuple(base.shape), alter=alter
    )

    model = run(stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=0.6)[0]

    delta = change(algorithm, written.tensors, base, 0.6)
    assert off_by(patched(model)[Q], base, delta) < 1e-4


@pytest.mark.parametrize("key", [Q, CONV], ids=["linear", "conv"])
@pytest.mark.parametrize("algorithm", ["loha", "lokr", "glora"])
def test_any_change_may_be_decomposed(stack_node, loras, sd15, algorithm, key):
    """LyCORIS `functional/general.py`, `_weight_decompose`, serves LoHa and LoKr too."""
    base = weights(sd15)[key]
    magnitude = torch.linspace(0.5, 1.5, base.shape[0]).reshape(-1, *[1] * (base.dim() - 1))

    def add_magnitude(tensors, written):
        tensors[f"{written.base}.dora_scale"] = magnitude

    written = write_module(
        loras / "a.safetensors", algorithm, key, NAMES[key], tuple(base.shape),
        alter=add_magnitude,
    )  # fmt: skip

    model = run(stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=0.6)[0]

    total = base.double() + change(algorithm, written.tensors, base)
    lengths = total.flatten(1).norm(dim=1).reshape(magnitude.shape)
    delta = 0.6 * (total * magnitude / lengths - base)
    assert off_by(patched(model)[key], base, delta) < 1e-5


def test_an_oft_in_parts_turns_each_part_alone(stack_node, loras, flux):
    """sd-scripts `networks/oft_flux.py`: q, k and v of a fused weight have blocks of their own."""
    base = weights(flux)[QKV]
    written = write_module(
        loras / "a.safetensors", "oft_kohya", QKV, "lora_unet_double_blocks_1_img_attn_qkv",
        tuple(base.shape),
    )  # fmt: skip

    model = run(stack_node, model=flux, lora_1="a.safetensors")[0]

    assert sum(role.startswith("blocks.") for role in written.tensors) == 3
    delta = change("oft_kohya", written.tensors, base)
    assert off_by(patched(model)[QKV], base, delta) < 1e-4


@pytest.mark.parametrize("declared", [True, False])
def test_split_qkv_gets_the_strength_it_was_trained_with(stack_node, loras, flux, declared):
    writer = Writer(3, torch.float32, KOHYA, 4, 2.0)
    base = weights(flux)
    for key in (QKV, LINEAR1, QKV.replace("qkv", "proj")):
        name = key.removeprefix("diffusion_model.").removesuffix(".weight").replace(".", "_")
        shape = tuple(base[key].shape)
        writer.module("splitqkv", f"lora_unet_{name}", key, (0, shape[0]), shape)
    metadata = {"ss_network_args": '{"split_qkv": "True"}'} if declared else None
    save_file(writer.tensors, loras / "a.safetensors", metadata)

    model, *_, report = run(stack_node, model=flux, lora_1="a.safetensors")

    after = patched(model)
    assert "alpha of 2 fused modules corrected" in report
    for written in writer.written:
        delta = change("splitqkv", written.tensors, base[written.key])
        assert off_by(after[written.key], base[written.key], delta) < 1e-5


def test_a_dense_pair_of_triple_rank_keeps_its_alpha(stack_node, loras, flux):
    """Ranks alone look like split_qkv, but the ups are not block-diagonal."""
    base = weights(flux)
    dense = random_pair(tuple(base[QKV].shape), rank=12, alpha=2.0)
    pairs = {
        "lora_unet_double_blocks_1_img_attn_qkv": dense,
        "lora_unet_double_blocks_1_img_attn_proj": random_pair((128, 128), rank=4, alpha=2.0),
    }
    write_lora(loras / "a.safetensors", pairs)

    model, *_, report = run(stack_node, model=flux, lora_1="a.safetensors")

    assert "corrected" not in report
    assert off_by(patched(model)[QKV], base[QKV], dense.delta) < 1e-5


def test_diffusers_alphas_come_from_the_header(stack_node, loras, sd15):
    """diffusers `_collate_lora_metadata`; PEFT multiplies by lora_alpha / r."""
    base = weights(sd15)[Q]
    name = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    pair = random_pair(tuple(base.shape), rank=4)
    record = json.dumps({"unet.r": 4, "unet.lora_alpha": 12})
    write_lora(loras / "a.safetensors", {name: pair}, PEFT_FILE,
               metadata={"lora_adapter_metadata": record})  # fmt: skip

    model = run(stack_node, model=sd15, lora_1="a.safetensors")[0]

    assert off_by(patched(model)[Q], base, 3 * pair.delta) < 1e-5


@pytest.mark.parametrize("part", ["q", "k", "v"])
def test_slices_take_biases_and_magnitudes(stack_node, loras, flux, part):
    """LoRA, DoRA magnitude and bias of one third of a fused weight."""
    base = weights(flux)
    bias = QKV.replace(".weight", ".bias")
    rows = slice("qkv".index(part) * 128, ("qkv".index(part) + 1) * 128)
    name = f"transformer.transformer_blocks.1.attn.to_{part}"
    writer = Writer(5, torch.float32, PEFT, 4, None)
    writer.module("peft_dora", name, QKV, (rows.start, 128), (128, 128))
    shift = torch.linspace(-1, 1, 128)
    save_file({**writer.tensors, f"{name}.lora_B.bias": shift}, loras / "a.safetensors")

    after = patched(run(stack_node, model=flux, lora_1="a.safetensors", strength_model_1=0.5)[0])

    delta = torch.zeros(384, 128, dtype=torch.float64)
    delta[rows] = change("peft_dora", writer.written[0].tensors, base[QKV][rows], 0.5)
    assert off_by(after[QKV], base[QKV], delta) < 1e-5
    expected = torch.zeros(384, dtype=torch.float64)
    expected[rows] = 0.5 * shift
    assert off_by(after[bias], base[bias], expected) < 1e-5


def test_a_bias_that_the_model_lacks_is_reported(stack_node, loras, sd15):
    pair = random_pair(tuple(weights(sd15)[Q].shape))
    extra = {f"{Q_KOHYA}.diff_b": torch.ones(pair.up.shape[0])}
    write_lora(loras / "a.safetensors", {Q_KOHYA: pair}, extra=extra)

    report = run(stack_node, model=sd15, lora_1="a.safetensors")[3]

    assert "1 of 1 modules patched" in report
    assert "1 biases not in the model: 1 x diffusion_model.input_blocks.1.1" in report
