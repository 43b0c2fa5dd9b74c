"""What a stack costs: files are read once, and a sum is one step on each weight."""

from __future__ import annotations

import os

import pytest
import torch
from support.lora_files import random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
CONV = "diffusion_model.input_blocks.2.0.in_layers.2.weight"
CONV_KOHYA = "lora_unet_down_blocks_0_resnets_1_conv1"
STRENGTHS = {"a.safetensors": 0.7, "b.safetensors": -0.4, "c.safetensors": 1.1}


@pytest.fixture
def pairs(loras, sd15):
    """Three LoRA files on a linear weight and a convolution."""
    weights = sd15.model.state_dict()
    shapes = {Q_KOHYA: tuple(weights[Q].shape), CONV_KOHYA: tuple(weights[CONV].shape)}
    files = {
        name: {module: random_pair(shape, 4, 2.0, seed) for module, shape in shapes.items()}
        for seed, name in enumerate(STRENGTHS)
    }
    for name, content in files.items():
        write_lora(loras / name, content)
    return files


@pytest.fixture
def opened(pack, monkeypatch):
    """Names of the files that the host's loader has opened; the cache is empty at first."""
    import comfy.utils

    pack.nodes.host.lora_cache.cache_clear()
    load, names = comfy.utils.load_torch_file, []

    def spy(path, *rest, **more):
        names.append(os.path.basename(path))
        return load(path, *rest, **more)

    monkeypatch.setattr(comfy.utils, "load_torch_file", spy)
    yield names
    pack.nodes.host.lora_cache.cache_clear()


def stacked(node, model, **changed):
    rows = {}
    for n, (name, strength) in enumerate((STRENGTHS | changed).items(), 1):
        rows |= {f"lora_{n}": name, f"strength_model_{n}": strength}
    return node.execute(model=model, **rows).result[0]


def exact(pairs, sd15, key, module, strengths=STRENGTHS):
    weight = sd15.model.state_dict()[key].double()
    delta = sum(strength * pairs[name][module].delta for name, strength in strengths.items())
    return weight + delta.reshape(weight.shape)


def fused(model, key):
    (patch,) = model.patches[key]
    return patch[1]


def applied(model, key, weight):
    import comfy.lora

    return comfy.lora.calculate_weight(model.patches[key], weight.clone(), key)


def test_another_strength_reads_no_file(stack_node, sd15, pairs, opened):
    stacked(stack_node, sd15)
    assert sorted(opened) == sorted(STRENGTHS)

    changed = {"b.safetensors": 0.9}
    model = stacked(stack_node, sd15, **changed)

    assert len(opened) == 3
    weight = sd15.model.state_dict()[Q]
    expected = exact(pairs, sd15, Q, Q_KOHYA, STRENGTHS | changed)
    assert (applied(model, Q, weight) - expected).abs().max() < 2e-6


def test_the_cache_is_shared_and_counted(stack_node, sd15, clip, pairs, opened, pack):
    stacked(stack_node, sd15)
    stack_node.execute(model=sd15, clip=clip, lora_1="a.safetensors")  # another key map

    counts = pack.nodes.host.lora_cache().counts()
    assert (counts["hits"], counts["misses"], counts["files"]) == (1, 3, 3)
    assert counts["bytes"] > 0
    assert len(opened) == 3


def test_a_replaced_file_is_read_again(stack_node, sd15, pairs, opened, loras):
    stacked(stack_node, sd15)

    pairs["b.safetensors"][Q_KOHYA] = random_pair(tuple(sd15.model.state_dict()[Q].shape), 6)
    write_lora(loras / "new", pairs["b.safetensors"])
    os.replace(loras / "new", loras / "b.safetensors")
    model = stacked(stack_node, sd15)

    assert opened[3:] == ["b.safetensors"]
    weight = sd15.model.state_dict()[Q]
    assert (applied(model, Q, weight) - exact(pairs, sd15, Q, Q_KOHYA)).abs().max() < 2e-6


@pytest.mark.parametrize(("key", "module"), [(Q, Q_KOHYA), (CONV, CONV_KOHYA)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_sum_is_rounded_once(stack_node, sd15, pairs, key, module, dtype):
    weight = sd15.model.state_dict()[key].to(dtype)
    delta = exact(pairs, sd15, key, module) - sd15.model.state_dict()[key].double()
    model = stacked(stack_node, sd15)

    result = applied(model, key, weight)

    wanted = weight.double() + delta
    # Half a unit in the last place, and what float32 loses before.
    allowed = wanted.abs() * torch.finfo(dtype).eps / 2 + 2e-6
    assert result.dtype == dtype
    assert ((result.double() - wanted).abs() <= allowed).all()


@pytest.mark.parametrize("key", [Q, CONV])
def test_what_the_host_rebuilds_does_the_same(stack_node, sd15, pairs, key):
    """Prefetching and offloading copy an adapter as type(adapter)(loaded_keys, weights)."""
    import comfy.lora

    adapter = fused(stacked(stack_node, sd15), key)
    weight = sd15.model.state_dict()[key]
    rebuilt = comfy.lora.prefetch_prepared_value(adapter, [0], None, None, False)
    results = [
        one.calculate_weight(weight.clone(), key, 1.0, 1.0, None, lambda same: same)
        for one in (adapter, type(adapter)(adapter.loaded_keys, adapter.weights), rebuilt)
    ]

    assert not torch.equal(results[0], weight)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_bypass_adds_the_same_sum(stack_node, sd15, pairs):
    adapter = fused(stacked(stack_node, sd15), Q)
    weight = sd15.model.state_dict()[Q].double()
    x = torch.randn(3, weight.shape[1], generator=torch.Generator().manual_seed(0))

    y = adapter.h(x, torch.zeros(3, weight.shape[0]))

    expected = x.double() @ (exact(pairs, sd15, Q, Q_KOHYA) - weight).T
    assert (y - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("function", "memory_format"),
    [
        (lambda change: -change, torch.contiguous_format),
        (lambda change: change, torch.channels_last),
    ],
    ids=["function", "channels last"],
)
def test_unusual_weights_are_left_to_the_host(stack_node, sd15, pairs, function, memory_format):
    adapter = fused(stacked(stack_node, sd15), CONV)
    weight = sd15.model.state_dict()[CONV].clone(memory_format=memory_format)
    before = weight.double()
    delta = exact(pairs, sd15, CONV, CONV_KOHYA) - before

    result = adapter.calculate_weight(weight, CONV, 1.0, 1.0, None, function)

    assert (result.double() - before - function(delta)).abs().max() < 2e-6


def test_a_slice_of_a_weight_changes_and_nothing_else(stack_node, sd15, pairs):
    adapter = fused(stacked(stack_node, sd15), Q)
    small = sd15.model.state_dict()[Q]
    weight = torch.zeros(small.shape[0], 3 * small.shape[1])
    part = weight.narrow(1, small.shape[1], small.shape[1])

    adapter.calculate_weight(part, Q, 0.5, 1.0, None, lambda same: same)

    delta = 0.5 * (exact(pairs, sd15, Q, Q_KOHYA) - small.double())
    assert (part - delta).abs().max() < 2e-6
    assert weight.abs().sum() == part.abs().sum()


def test_unpatching_brings_every_bit_back(stack_node, sd15, pairs):
    sd15.unpatch_model()
    before = {key: value.clone() for key, value in sd15.model.state_dict().items()}
    model = stacked(stack_node, sd15)

    model.patch_model(torch.device("cpu"))
    assert not torch.equal(model.model.state_dict()[Q], before[Q])
    model.unpatch_model()

    after = model.model.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
